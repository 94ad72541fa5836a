import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { seededRandom } from "../../../../src/bench/seeded-random.ts";
import { AirtimeLedger, type Reservation } from "../../../../src/lora/airtime/airtime-ledger.ts";
import { REGIONS, type SubBand } from "../../../../src/lora/airtime/regions.ts";
import { mostInAnyWindow, type Seen } from "./rolling-window.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const BANDS: readonly SubBand[] = Object.values(REGIONS).flat();

/** A sub-band with a limit of its own. */
const band = (airtimeMs: number, windowMs = HOUR_MS, more: Partial<SubBand> = {}): SubBand => ({
  name: "a band",
  fromHz: 868e6,
  toHz: 869e6,
  maxDbm: 14,
  limits: [{ windowMs, airtimeMs }],
  source: "this test",
  ...more,
});

/** A ledger whose reservations are on the medium at once. */
function ledgerOf(subBand: SubBand, medium: Reservation[] = [], nowMs = 0): AirtimeLedger {
  return new AirtimeLedger({
    subBand,
    earlier: [...medium],
    nowMs,
    reserve: (reservation, kept) => {
      medium.push(reservation);
      kept();
    },
  });
}

/** Sends as soon as the ledger lets it. @returns when it began */
function sends(ledger: AirtimeLedger, airtimeMs: number, fromMs: number): number {
  const startMs = ledger.earliestStartMs(airtimeMs, fromMs);
  ledger.ensure(airtimeMs, startMs, () => {});
  ledger.record(startMs, airtimeMs);
  return startMs;
}

describe("the rolling-window check of these tests", () => {
  test("agrees with counting every millisecond", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 0, max: 20 }), fc.integer({ min: 1, max: 9 })), {
          maxLength: 20,
        }),
        fc.integer({ min: 1, max: 60 }),
        (gaps, windowMs) => {
          let nowMs = 0;
          const seen = gaps.map(([gapMs, lengthMs]): Seen => {
            const startMs = nowMs + gapMs;
            nowMs = startMs + lengthMs;
            return { startMs, endMs: nowMs };
          });
          const onAir = Array.from({ length: nowMs + windowMs }, (_, ms) =>
            seen.some(({ startMs, endMs }) => ms >= startMs && ms < endMs) ? 1 : 0,
          );
          let most = 0;
          for (let from = -windowMs; from < nowMs; from += 1) {
            const inside = onAir.slice(Math.max(0, from), Math.max(0, from + windowMs));
            most = Math.max(
              most,
              inside.reduce<number>((sum, one) => sum + one, 0),
            );
          }
          expect(mostInAnyWindow(seen, windowMs)).toBe(most);
        },
      ),
    );
  });
});

describe("an airtime ledger", () => {
  test("lets the first transmission go at once", () => {
    expect(ledgerOf(band(36_000)).earliestStartMs(2_000, 500)).toBe(500);
  });

  test("says when the next one may begin once the hour is used up", () => {
    const ledger = ledgerOf(band(10_000));
    for (const fromMs of [0, 5_000]) sends(ledger, 5_000, fromMs);
    // What it takes of the window before its end is what has left that window by then.
    expect(ledger.earliestStartMs(5_000, 20_000)).toBeCloseTo(HOUR_MS, 2);
    expect(ledger.earliestStartMs(5_001, 20_000)).toBeCloseTo(HOUR_MS, 2);
    expect(ledger.earliestStartMs(2_000, 20_000)).toBeCloseTo(HOUR_MS, 2);
    expect(ledger.earliestStartMs(10_000, 20_000)).toBeCloseTo(HOUR_MS, 2);
  });

  test("keeps a share for what is more urgent", () => {
    const ledger = ledgerOf(band(10_000));
    sends(ledger, 8_000, 0);
    expect(ledger.earliestStartMs(1_000, 9_000, 0.8)).toBeCloseTo(HOUR_MS, 2);
    expect(ledger.earliestStartMs(1_000, 9_000, 1)).toBe(9_000);
  });

  test("never lets go what is longer than any window allows", () => {
    const ledger = ledgerOf(band(400, 20_000));
    expect(ledger.canEver(401)).toBe(false);
    expect(ledger.earliestStartMs(401, 0)).toBe(Number.POSITIVE_INFINITY);
    expect(ledgerOf(band(1e9, HOUR_MS, { longestMs: 1_000 })).canEver(1_001)).toBe(false);
  });

  test("keeps the silence that the region asks for between two transmissions", () => {
    const ledger = ledgerOf(band(1e9, HOUR_MS, { pauseMs: 50 }));
    sends(ledger, 100, 0);
    expect(ledger.earliestStartMs(100, 100)).toBe(150);
  });

  test("counts what is still in the window when what has left it is taken back", () => {
    const ledger = ledgerOf(band(1_000, 10_000));
    const old = ledger.record(0, 100);
    ledger.record(20_000, 500);
    old.takeBack();
    expect(ledger.roomMs(20_500)).toBe(500);
  });

  test("gives nothing back of what was set apart before the last time", () => {
    const medium: number[] = [];
    const ledger = new AirtimeLedger({
      subBand: band(36_000),
      nowMs: 0,
      reserve: ({ airtimeMs }, kept) => {
        medium.push(airtimeMs);
        kept();
      },
    });
    ledger.ensure(500, 0, () => {});
    const first = ledger.record(0, 500);
    ledger.ensure(600, 600, () => {});
    first.takeBack();
    expect(medium).toEqual([720, 720]);
    // A restart would take the first for used before the second was made.
    expect(ledger.ensure(1_000, HOUR_MS, () => {})).toBe(false);
  });

  test("lets nothing be used before it is on the medium", () => {
    const asked: (() => void)[] = [];
    const ledger = new AirtimeLedger({
      subBand: band(36_000),
      nowMs: 0,
      reserve: (_, kept) => void asked.push(kept),
    });
    let told = 0;
    expect(ledger.ensure(100, 0, () => (told += 1))).toBe(false);
    expect(ledger.ensure(100, 0, () => (told += 1))).toBe(false);
    expect([asked.length, told]).toEqual([1, 0]);
    asked[0]?.();
    expect(told).toBe(2);
    expect(ledger.ensure(100, 0, () => {})).toBe(true);
  });

  test("never overruns a limit, whatever the traffic, in any region's sub-bands", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...BANDS.filter(({ limits }) => limits.length > 0)),
        fc.array(
          fc.tuple(
            fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 600_000 })),
            fc.double({ min: 1, max: 4_000, noNaN: true }),
          ),
          { minLength: 1, maxLength: 300 },
        ),
        (subBand, traffic) => {
          const ledger = ledgerOf(subBand);
          const seen: Seen[] = [];
          let nowMs = 0;
          for (const [waitMs, airtimeMs] of traffic) {
            nowMs += waitMs;
            if (!ledger.canEver(airtimeMs)) continue;
            const startMs = sends(ledger, airtimeMs, nowMs);
            expect(startMs).toBeGreaterThanOrEqual(nowMs);
            nowMs = startMs + airtimeMs;
            seen.push({ startMs, endMs: nowMs });
          }
          for (const { windowMs, airtimeMs } of subBand.limits) {
            expect(mostInAnyWindow(seen, windowMs)).toBeLessThanOrEqual(airtimeMs + 1e-6);
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  test("uses what it may: a sender with much to say gets at least 99 % of the limit", () => {
    const ledger = ledgerOf(band(360_000));
    let nowMs = 0;
    let sentMs = 0;
    while (nowMs < DAY_MS) {
      nowMs = sends(ledger, 2_000, nowMs) + 2_000;
      sentMs += 2_000;
    }
    expect(sentMs / (24 * 360_000)).toBeGreaterThan(0.99);
  });

  test("is never overrun in any rolling hour of 1,000 random days with restarts", () => {
    const random = seededRandom(2026);
    const worst: Record<string, number> = {};
    const bands = REGIONS.EU868;
    for (let day = 0; day < 1_000; day += 1) {
      const subBand = bands[day % bands.length] ?? band(1);
      const [limit] = subBand.limits;
      if (!limit) throw new Error("a band without a limit");
      const seen = dayOf(subBand, random);
      expect(seen.length).toBeGreaterThan(0);
      const share = mostInAnyWindow(seen, limit.windowMs) / limit.airtimeMs;
      worst[subBand.name] = Math.max(worst[subBand.name] ?? 0, share);
    }
    // Full, so that the check has something to find, and never over.
    for (const share of Object.values(worst)) {
      expect(share).toBeLessThanOrEqual(1);
      expect(share).toBeGreaterThan(0.9);
    }
  });
});

/** A day of bursts, lulls and restarts, of the daemon and of the box, as somebody beside the antenna sees it. */
function dayOf(subBand: SubBand, random: () => number): Seen[] {
  const seen: Seen[] = [];
  const medium: Reservation[] = [];
  let nowMs = 0;
  let ledger = ledgerOf(subBand, medium, nowMs);
  const load = random() * 2;
  while (nowMs < DAY_MS) {
    const airtimeMs = 20 + random() * Math.min(3_000, (subBand.limits[0]?.airtimeMs ?? 0) / 4);
    const startMs = ledger.earliestStartMs(airtimeMs, nowMs);
    ledger.ensure(airtimeMs, startMs, () => {});
    ledger.record(startMs, airtimeMs);
    nowMs = startMs + airtimeMs;
    seen.push({ startMs, endMs: nowMs });
    if (random() < 0.3) nowMs += (-Math.log(1 - random()) * 30_000) / load;
    // Killed, and up again at once: nothing is remembered but what is on the medium.
    if (random() < 0.02) ledger = ledgerOf(subBand, medium, nowMs);
  }
  return seen;
}
