import { describe, expect, test } from "bun:test";
import { Homes } from "../../../../src/messages/lora/homes.ts";
import { keyOf } from "./some-bundles.ts";

const HERE = 1;
const MINUTE_MS = 60_000;

function homes() {
  const clock = { nowMs: 1_000 * MINUTE_MS };
  return { clock, homes: new Homes(HERE, () => clock.nowMs) };
}

describe("where a person is", () => {
  test("is the box that their newest bundle came from", () => {
    const { homes: known, clock } = homes();
    known.noteHeard(keyOf(1), 2, clock.nowMs - MINUTE_MS);
    known.noteHeard(keyOf(1), 3, clock.nowMs - 2 * MINUTE_MS);
    expect(known.of(keyOf(1))).toBe(2);
    known.noteHeard(keyOf(1), 3, clock.nowMs);
    expect(known.of(keyOf(1))).toBe(3);
    known.noteHere(keyOf(1), clock.nowMs);
    expect(known.of(keyOf(1))).toBe(HERE);
  });

  test("is here while they are here, whatever the air says, and there once they have been away for long", () => {
    const { homes: known, clock } = homes();
    known.noteHere(keyOf(1), clock.nowMs);
    clock.nowMs += 10 * MINUTE_MS;
    known.noteHeard(keyOf(1), 2, clock.nowMs);
    expect(known.of(keyOf(1))).toBe(HERE);
    clock.nowMs += 40 * MINUTE_MS;
    known.noteHere(keyOf(1), clock.nowMs);
    clock.nowMs += 40 * MINUTE_MS;
    expect(known.of(keyOf(1))).toBe(HERE);
    known.noteHeard(keyOf(1), 2, clock.nowMs);
    clock.nowMs += 30 * MINUTE_MS;
    expect(known.of(keyOf(1))).toBe(2);
  });

  test("is never here because the air says so", () => {
    const { homes: known, clock } = homes();
    known.noteHeard(keyOf(1), 2, clock.nowMs - MINUTE_MS);
    known.noteHeard(keyOf(1), HERE, clock.nowMs);
    known.noteHeard(keyOf(2), HERE, clock.nowMs);
    expect([known.of(keyOf(1)), known.of(keyOf(2))]).toEqual([2, undefined]);
  });
});
