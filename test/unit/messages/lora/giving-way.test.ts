import { describe, expect, test } from "bun:test";
import { GivingWay } from "../../../../src/messages/lora/giving-way.ts";

const FRAME_MS = 2_000;

/** With a clock that is set by hand. */
function played() {
  const context = { nowMs: 0, frames: (count: number) => count * FRAME_MS };
  const way = new GivingWay(context);
  return { context, way, isGiven: () => context.nowMs < way.untilMs };
}

/** Of so much time, the share in which way is given. */
function share(forMs: number, each: (way: GivingWay) => void): number {
  const { context, way, isGiven } = played();
  let given = 0;
  for (; context.nowMs < forMs; context.nowMs += 100) {
    each(way);
    if (isGiven()) given += 1;
  }
  return given / (forMs / 100);
}

describe("a box gives way", () => {
  test("to greetings, until those near had time for them", () => {
    const { context, way, isGiven } = played();
    expect(isGiven()).toBe(false);
    way.onNewNeighbour();
    expect(isGiven()).toBe(true);
    context.nowMs = 15 * FRAME_MS;
    expect(isGiven()).toBe(false);
  });

  test("to certificates, for as long as they take", () => {
    const { context, way, isGiven } = played();
    way.onRefused();
    expect(isGiven()).toBe(true);
    context.nowMs = 5 * FRAME_MS;
    expect(isGiven()).toBe(false);
  });

  test("for a part of the time, however many seem to come and whatever seems to be refused", () => {
    expect(share(3_600_000, (way) => way.onNewNeighbour())).toBeLessThan(0.2);
    expect(share(3_600_000, (way) => way.onRefused())).toBeLessThan(0.55);
  });
});
