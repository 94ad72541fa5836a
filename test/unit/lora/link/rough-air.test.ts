import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { seededRandom } from "../../../../src/bench/seeded-random.ts";
import { VirtualTime } from "../../../../src/bench/virtual-time.ts";
import { Link } from "../../../../src/lora/link/index.ts";
import { PRIORITIES, type Priority } from "../../../../src/lora/priority.ts";
import type { Fate } from "../../../../src/lora/radio.ts";
import { RoughCarrier, type Roughness } from "./rough-carrier.ts";

const DAY_MS = 24 * 3_600_000;

/** Two links, each plugged into its end of a rough air. */
function twoLinks(seed: number, roughness: Roughness) {
  const time = new VirtualTime();
  const random = seededRandom(seed);
  const air = { timers: time, random, roughness };
  const numbers = [60_000, 65_530];
  const links = numbers.map((_, index) => {
    const nextNumber = () => {
      const number = numbers[index] ?? 0;
      numbers[index] = (number + 1) & 0xffff;
      return number;
    };
    return new Link({ address: index + 1, timers: time, random, nextNumber });
  });
  let ends: RoughCarrier[] = [];
  /** Both get another radio, with frames of this size; what was on its way is lost. */
  const plug = (maxFrameBytes: number) => {
    for (const end of ends) end.peer = undefined;
    ends = links.map(() => new RoughCarrier(air, maxFrameBytes));
    for (const [index, end] of ends.entries()) {
      end.peer = ends[1 - index];
      links[index]?.attach(end);
    }
  };
  const arrived: string[] = [];
  for (const link of links)
    link.on("message", ({ payload }) => arrived.push(Buffer.from(payload).toString()));
  return { time, links, plug, arrived };
}

const message = fc.record({
  from: fc.constantFrom(0, 1),
  length: fc.oneof(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 61, max: 4_000 })),
  priority: fc.constantFrom<Priority[]>(...PRIORITIES),
  waitMs: fc.integer({ min: 0, max: 3_000 }),
});

const roughness = fc.record({
  loss: fc.constantFrom(0, 0.1, 0.3),
  duplication: fc.constantFrom(0, 0.3),
  delayMs: fc.constantFrom(0, 50, 2_000),
});

describe("links over an air that loses, doubles, delays and swaps frames", () => {
  test("bring every message once and whole, through other radios with other frames", () => {
    fc.assert(
      fc.property(
        fc.nat(),
        roughness,
        fc.array(message, { minLength: 1, maxLength: 15 }),
        fc.array(fc.constantFrom(255, 233, 100, 50), { minLength: 1, maxLength: 6 }),
        (seed, rough, messages, radios) => {
          const { time, links, plug, arrived } = twoLinks(seed, rough);
          plug(radios[0] ?? 255);
          const sent: string[] = [];
          const fates: Fate[] = [];
          for (const [index, { from, length, priority, waitMs }] of messages.entries()) {
            const text = `${index} ${"x".repeat(length)}`;
            sent.push(text);
            const admission = links[from]?.submit(
              { payload: Buffer.from(text), priority, to: 2 - from, lifetimeMs: DAY_MS },
              (fate) => {
                fates[index] = fate;
              },
            );
            expect(admission?.accepted).toBe(true);
            time.advance(waitMs);
            if (index < radios.length - 1) plug(radios[index + 1] ?? 255);
          }
          time.runUntil(() => links.every(({ waiting }) => waiting === 0), DAY_MS);
          time.advance(60_000);
          expect(fates.map(({ state }) => state)).toEqual(messages.map(() => "acknowledged"));
          expect([...arrived].sort()).toEqual([...sent].sort());
        },
      ),
      { numRuns: 200 },
    );
  });

  test("tell each fate once, in order", () => {
    fc.assert(
      fc.property(
        fc.nat(),
        roughness,
        fc.array(message, { minLength: 1, maxLength: 8 }),
        (seed, rough, all) => {
          const { time, links, plug } = twoLinks(seed, rough);
          plug(200);
          const told = all.map(({ from, length, priority, waitMs }) => {
            const states: string[] = [];
            links[from]?.submit(
              { payload: new Uint8Array(length), priority, to: 2 - from, lifetimeMs: DAY_MS },
              ({ state }) => states.push(state),
            );
            time.advance(waitMs);
            return states;
          });
          time.runUntil(() => links.every(({ waiting }) => waiting === 0), DAY_MS);
          time.advance(0);
          for (const states of told) expect(states).toEqual(["queued", "on-air", "acknowledged"]);
        },
      ),
      { numRuns: 100 },
    );
  });
});
