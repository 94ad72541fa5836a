import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { seededRandom } from "../../../../src/bench/seeded-random.ts";
import { VirtualTime } from "../../../../src/bench/virtual-time.ts";
import { AirtimeLedger, type Reservation } from "../../../../src/lora/airtime/airtime-ledger.ts";
import { PacedCarrier } from "../../../../src/lora/airtime/paced-carrier.ts";
import { subBandOf } from "../../../../src/lora/airtime/regions.ts";
import { PRIORITIES } from "../../../../src/lora/priority.ts";
import { CHANNEL, FakeRadio } from "./fake-radio.ts";
import type { Seen } from "./rolling-window.ts";

const HOUR_MS = 3_600_000;
const subBand = subBandOf("EU868", { ...CHANNEL, frequencyHz: 868_300_000 });
const LIMIT_MS = 36_000;

/** As in rolling-window.ts, but for transmissions that overlap: all that begin or end a window are looked at. */
function mostOfAll(seen: readonly Seen[]): number {
  const begins = seen.flatMap(({ startMs, endMs }) => [startMs, endMs - HOUR_MS]);
  const inWindow = (fromMs: number) =>
    seen.reduce(
      (sum, { startMs, endMs }) =>
        sum + Math.max(0, Math.min(endMs, fromMs + HOUR_MS) - Math.max(startMs, fromMs)),
      0,
    );
  return Math.max(0, ...begins.map(inWindow));
}

describe("two cases that share a sub-band's ledger", () => {
  test("have together no more on the air in any rolling hour than one may, all of it set apart before", () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.tuple(
            fc.constantFrom(0, 1),
            fc.integer({ min: 0, max: 60_000 }),
            fc.integer({ min: 1, max: 255 }),
            fc.constantFrom(...PRIORITIES),
          ),
          { minLength: 60, maxLength: 150 },
        ),
        fc.integer({ min: 0, max: 50 }),
        (traffic, writeMs) => {
          const time = new VirtualTime();
          const medium: Reservation[] = [];
          const ledger = new AirtimeLedger({
            subBand,
            nowMs: 0,
            reserve: (reservation, kept) => {
              time.after(writeMs, () => {
                medium.push(reservation);
                kept();
              });
            },
          });
          const random = seededRandom(9);
          const radios = [new FakeRadio(time), new FakeRadio(time)];
          const carriers = radios.map(
            (radio) =>
              new PacedCarrier({
                radio,
                channel: CHANNEL,
                ledger,
                timers: time,
                random,
                isBusy: () => random() < 0.05,
              }),
          );
          for (const [which, waitMs, bytes, priority] of traffic) {
            carriers[which]?.send(new Uint8Array(bytes), priority, () => {});
            time.advance(waitMs);
          }
          time.runToEnd(100 * HOUR_MS);
          const seen = radios.flatMap((radio) => radio.seen);
          expect(seen.length).toBe(traffic.length);
          expect(mostOfAll(seen)).toBeLessThanOrEqual(LIMIT_MS + 1e-6);
          const sentMs = seen.reduce((sum, { startMs, endMs }) => sum + endMs - startMs, 0);
          const keptMs = medium.reduce((sum, { airtimeMs }) => sum + airtimeMs, 0);
          expect(sentMs).toBeLessThanOrEqual(keptMs + 1e-6);
        },
      ),
      { numRuns: 100 },
    );
  });
});
