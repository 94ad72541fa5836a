import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { AirtimeLedger, type Reservation } from "../../../../src/lora/airtime/airtime-ledger.ts";
import type { AirtimeLimit, SubBand } from "../../../../src/lora/airtime/regions.ts";
import { mostInAnyWindow, type Seen } from "./rolling-window.ts";

const HOUR_MS = 3_600_000;

const band = (limits: readonly AirtimeLimit[], more: Partial<SubBand> = {}): SubBand => ({
  name: "a band",
  fromHz: 868e6,
  toHz: 869e6,
  maxDbm: 14,
  limits,
  source: "this test",
  ...more,
});

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

const isWithin = (seen: readonly Seen[], limits: readonly AirtimeLimit[]): boolean =>
  limits.every(({ windowMs, airtimeMs }) => mostInAnyWindow(seen, windowMs) <= airtimeMs + 1e-6);

const limitsOf = fc.array(
  fc.record({
    windowMs: fc.integer({ min: 30, max: 120 }),
    airtimeMs: fc.integer({ min: 8, max: 30 }),
  }),
  { minLength: 1, maxLength: 2 },
);
const trafficOf = fc.array(
  fc.tuple(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 1, max: 8 }), fc.integer({ min: 0, max: 30 })),
  { minLength: 1, maxLength: 30 },
);

describe("the earliest start that the ledger names", () => {
  test("is the first at which no window overruns: a look at every millisecond finds no earlier one", () => {
    fc.assert(
      fc.property(limitsOf, trafficOf, (limits, traffic) => {
        const ledger = ledgerOf(band(limits));
        const seen: Seen[] = [];
        let nowMs = 0;
        for (const [waitMs, airtimeMs] of traffic) {
          nowMs += waitMs;
          let plain = nowMs;
          while (!isWithin([...seen, { startMs: plain, endMs: plain + airtimeMs }], limits)) plain += 1;
          const startMs = ledger.earliestStartMs(airtimeMs, nowMs);
          expect(startMs).toBeGreaterThanOrEqual(plain);
          expect(startMs).toBeLessThan(plain + 0.01);
          // In whole milliseconds, for the plain search's sake.
          ledger.record(plain, airtimeMs);
          seen.push({ startMs: plain, endMs: plain + airtimeMs });
          nowMs = plain + airtimeMs;
        }
      }),
    );
  });

  test("counts what lies across the window's edge by the part inside", () => {
    const ledger = ledgerOf(band([{ windowMs: HOUR_MS, airtimeMs: 10_000 }]));
    ledger.record(0, 6_000);
    // 2 s of the 6 must have left the window that ends with the new one.
    expect(ledger.earliestStartMs(6_000, 7_000)).toBeCloseTo(2_000 + HOUR_MS - 6_000, 2);
    expect(ledger.usedMs({ windowMs: HOUR_MS, airtimeMs: 10_000 }, HOUR_MS + 1_500)).toBe(4_500);
    expect(ledger.roomMs(HOUR_MS + 1_500)).toBe(5_500);
    expect(ledger.roomMs(7_000, 0.8)).toBe(2_000);
    expect(ledger.roomMs(7_000, 0.5)).toBe(0);
  });

  test("keeps no share back of windows so short that room is there again at once", () => {
    const ledger = ledgerOf(band([{ windowMs: 20_000, airtimeMs: 400 }]));
    expect(ledger.canEver(400, 0.5)).toBe(true);
    expect(ledger.earliestStartMs(400, 0, 0.5)).toBe(0);
    ledger.record(0, 400);
    expect(ledger.earliestStartMs(400, 500, 0.5)).toBeCloseTo(20_000, 2);
  });
});

describe("a forecast", () => {
  test("ends when what it foretold has been sent", () => {
    fc.assert(
      fc.property(
        limitsOf,
        trafficOf,
        trafficOf,
        fc.constantFrom(undefined, 5),
        (limits, past, queue, pauseMs) => {
          const ledger = ledgerOf(band(limits, pauseMs === undefined ? {} : { pauseMs }));
          let nowMs = 0;
          const send = (airtimeMs: number, fromMs: number) => {
            const startMs = ledger.earliestStartMs(airtimeMs, fromMs);
            ledger.record(startMs, airtimeMs);
            return startMs + airtimeMs;
          };
          for (const [waitMs, airtimeMs] of past) nowMs = send(airtimeMs, nowMs + waitMs);
          nowMs += 3;
          const planned = queue.map(([, airtimeMs]) => ({ airtimeMs, share: 1 }));
          const foretold = ledger.forecastEndMs(planned, nowMs);
          for (const { airtimeMs } of planned) nowMs = send(airtimeMs, nowMs);
          expect(foretold).toBeCloseTo(nowMs, 1);
        },
      ),
    );
  });

  test("says never where one never may", () => {
    const ledger = ledgerOf(band([{ windowMs: HOUR_MS, airtimeMs: 1_000 }]));
    expect(ledger.forecastEndMs([{ airtimeMs: 900, share: 0.8 }], 0)).toBe(Number.POSITIVE_INFINITY);
    expect(ledger.forecastEndMs([{ airtimeMs: 900, share: 1 }], 0)).toBe(900);
    expect(ledger.forecastEndMs([], 7)).toBe(7);
  });

  test("leaves the ledger as it is", () => {
    const ledger = ledgerOf(band([{ windowMs: HOUR_MS, airtimeMs: 1_000 }]));
    ledger.forecastEndMs([{ airtimeMs: 1_000, share: 1 }], 0);
    expect(ledger.earliestStartMs(1_000, 0)).toBe(0);
  });
});

describe("what turns out after a transmission was written down", () => {
  test("that it left later keeps its airtime in the windows longer", () => {
    const ledger = ledgerOf(band([{ windowMs: HOUR_MS, airtimeMs: 1_000 }]));
    const recorded = ledger.record(0, 1_000);
    recorded.endedAt(500);
    expect(ledger.earliestStartMs(1_000, 1_000)).toBeCloseTo(HOUR_MS, 2);
    recorded.endedAt(21_000);
    expect(ledger.earliestStartMs(1_000, 21_000)).toBeCloseTo(HOUR_MS + 20_000, 2);
  });

  test("that one left later puts off what was written down behind it, and nothing before", () => {
    const limit = { windowMs: HOUR_MS, airtimeMs: 3_000 };
    const ledger = ledgerOf(band([limit]));
    ledger.record(0, 1_000);
    const second = ledger.record(5_000, 1_000);
    // Another radio's, at the same time.
    ledger.record(5_500, 1_000);
    second.endedAt(30_000);
    const usedAt = (ms: number) => ledger.usedMs(limit, ms + HOUR_MS);
    expect([0, 1_000, 29_000, 29_500, 30_000, 30_500, 31_000].map(usedAt)).toEqual([
      3_000, 2_000, 2_000, 1_500, 1_000, 500, 0,
    ]);
  });

  test("that it left late is nothing for one that was taken back", () => {
    const ledger = ledgerOf(band([{ windowMs: HOUR_MS, airtimeMs: 3_000 }]));
    ledger.record(0, 3_000);
    const recorded = ledger.record(4_000, 100);
    recorded.takeBack();
    recorded.endedAt(900_000);
    expect(ledger.earliestStartMs(3_000, 5_000)).toBeCloseTo(HOUR_MS, 2);
  });

  test("that the radio sent none of it frees its airtime, and what was set apart for it", () => {
    const medium: Reservation[] = [];
    const ledger = ledgerOf(band([{ windowMs: HOUR_MS, airtimeMs: 36_000 }], { pauseMs: 50 }), medium);
    ledger.ensure(700, 0, () => {});
    for (let attempt = 0; attempt < 100; attempt += 1) {
      expect(ledger.ensure(700, 0, () => {})).toBe(true);
      ledger.record(attempt, 700).takeBack();
    }
    expect(medium.length).toBe(1);
    expect(ledger.earliestStartMs(36_000, 100)).toBe(100);
  });

  test("keeps every window within the limit, of radios that wait with frames, refuse some, and outlive the daemon", () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.tuple(
            fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 300_000 })),
            fc.integer({ min: 100, max: 4_000 }),
            fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 20_000 })),
            fc.constantFrom("sent", "sent", "sent", "refused", "killed", "cancelled"),
          ),
          { minLength: 50, maxLength: 300 },
        ),
        (traffic) => {
          const limits = [{ windowMs: HOUR_MS, airtimeMs: 36_000 }];
          const medium: Reservation[] = [];
          const seen: Seen[] = [];
          let nowMs = 0;
          let ledger = ledgerOf(band(limits), medium, nowMs);
          for (const [waitMs, airtimeMs, radioWaitsMs, what] of traffic) {
            nowMs = ledger.earliestStartMs(airtimeMs, nowMs + waitMs);
            ledger.ensure(airtimeMs, nowMs, () => {});
            // Set apart, and not used: a smaller one may come first.
            if (what === "cancelled") continue;
            const recorded = ledger.record(nowMs, airtimeMs);
            if (what === "refused") {
              recorded.takeBack();
              continue;
            }
            const startMs = Math.max(nowMs + radioWaitsMs, seen.at(-1)?.endMs ?? 0);
            const endMs = startMs + airtimeMs;
            seen.push({ startMs, endMs });
            if (what === "killed") {
              // And started again while the radio still waits with the frame, or sends it.
              nowMs = Math.max(nowMs, endMs - 25_000);
              ledger = ledgerOf(band(limits), medium, nowMs);
              continue;
            }
            nowMs = endMs;
            recorded.endedAt(endMs);
          }
          expect(mostInAnyWindow(seen, HOUR_MS)).toBeLessThanOrEqual(36_000 + 1e-6);
        },
      ),
      { numRuns: 300 },
    );
  });
});
