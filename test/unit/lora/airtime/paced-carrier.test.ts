import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { Air } from "../../../../src/bench/air/air.ts";
import { ModemRadio } from "../../../../src/bench/air/modem-radio.ts";
import { seededRandom } from "../../../../src/bench/seeded-random.ts";
import { VirtualTime } from "../../../../src/bench/virtual-time.ts";
import { AirtimeLedger } from "../../../../src/lora/airtime/airtime-ledger.ts";
import { PacedCarrier, type PacedCarrierOptions } from "../../../../src/lora/airtime/paced-carrier.ts";
import { type SubBand, subBandOf } from "../../../../src/lora/airtime/regions.ts";
import { PRIORITIES, type Priority } from "../../../../src/lora/priority.ts";
import type { Fate } from "../../../../src/lora/radio.ts";
import { CHANNEL, FakeRadio } from "./fake-radio.ts";
import { mostInAnyWindow } from "./rolling-window.ts";

const HOUR_MS = 3_600_000;
const FREE: SubBand = { ...subBandOf("EU868", CHANNEL), limits: [] };
const EU = subBandOf("EU868", CHANNEL);

const ledgerOf = (subBand: SubBand) => new AirtimeLedger({ subBand, nowMs: 0, reserve: (_, kept) => kept() });

function carrierOn(subBand: SubBand, options: Partial<PacedCarrierOptions> = {}) {
  const time = new VirtualTime();
  const radio = new FakeRadio(time);
  const carrier = new PacedCarrier({
    radio,
    channel: CHANNEL,
    ledger: ledgerOf(subBand),
    timers: time,
    random: seededRandom(1),
    ...options,
  });
  const fates: Fate[][] = [];
  const sends = (bytes: number, priority: Priority = "direct") => {
    const told: Fate[] = [];
    fates.push(told);
    return carrier.send(new Uint8Array(bytes).fill(fates.length), priority, (fate) => told.push(fate));
  };
  return { time, radio, carrier, fates, sends };
}

const states = (told: readonly Fate[] | undefined) => told?.map(({ state }) => state);
const reason = (told: readonly Fate[] | undefined) => {
  const last = told?.at(-1);
  return last?.state === "failed" ? last.reason : last?.state;
};

describe("a paced carrier", () => {
  test("sends a frame and tells when it has left", () => {
    const { time, carrier, fates, sends } = carrierOn(EU);
    sends(20);
    expect(fates[0]).toEqual([]);
    time.advance(carrier.airtimeMs(20) - 1);
    expect(states(fates[0])).toEqual(["queued"]);
    time.advance(1);
    expect(states(fates[0])).toEqual(["queued", "on-air"]);
  });

  test.each([
    [0, "refused"],
    [256, "too-large"],
  ] as const)("turns a frame of %d bytes away at once: %s", (bytes, why) => {
    const { time, fates, sends } = carrierOn(EU);
    sends(bytes);
    time.advance(0);
    expect(reason(fates[0])).toBe(why);
  });

  test("turns away at once what the band never allows", () => {
    const { time, fates, sends } = carrierOn({ ...EU, limits: [{ windowMs: 20_000, airtimeMs: 400 }] });
    sends(200);
    time.advance(0);
    expect(reason(fates[0])).toBe("airtime");
  });

  test("sends the most urgent first, and first come first within one priority", () => {
    const { time, radio, sends } = carrierOn(FREE);
    for (const priority of ["background", "room", "direct", "direct", "sos", "check-in"] as const)
      sends(9, priority);
    time.runToEnd(HOUR_MS);
    // The first had left before the others came.
    expect(radio.seen.map(({ payload }) => payload[0])).toEqual([1, 5, 6, 3, 4, 2]);
  });

  test("lets what has waited long go before what is more urgent, but for an SOS", () => {
    const { time, radio, sends } = carrierOn({ ...EU, limits: [{ windowMs: 600_000, airtimeMs: 1_700 }] });
    sends(50);
    sends(50);
    sends(50, "background");
    time.advance(300_000);
    sends(50, "direct");
    sends(50, "sos");
    time.runToEnd(HOUR_MS);
    expect(radio.seen.map(({ priority }) => priority)).toEqual([
      "direct",
      "direct",
      "sos",
      "background",
      "direct",
    ]);
  });

  test("keeps a reserve for an SOS when the others have used up the rest", () => {
    const { time, radio, sends, fates } = carrierOn(EU, { sosReserve: 0.5 });
    for (let frame = 0; frame < 200; frame += 1) sends(255, "room");
    time.advance(1_000_000);
    const usedMs = radio.seen.reduce((sum, { startMs, endMs }) => sum + endMs - startMs, 0);
    expect(usedMs).toBeLessThanOrEqual(180_000);
    expect(usedMs).toBeGreaterThan(175_000);
    sends(255, "sos");
    time.advance(5_000);
    expect(states(fates.at(-1))).toEqual(["queued", "on-air"]);
  });

  test("takes a frame back that has not gone to the radio, and no other", () => {
    const { time, fates, sends, radio } = carrierOn(FREE);
    const backFirst = sends(9);
    const backSecond = sends(9);
    backFirst();
    backSecond();
    time.runToEnd(HOUR_MS);
    expect([reason(fates[0]), reason(fates[1])]).toEqual(["on-air", "cancelled"]);
    expect(radio.seen.length).toBe(1);
  });

  test("gives every frame back once when the radio is gone", async () => {
    const { time, radio, fates, sends } = carrierOn(FREE);
    for (let frame = 0; frame < 5; frame += 1) sends(9);
    time.advance(1);
    await radio.close();
    sends(9);
    time.runToEnd(HOUR_MS);
    expect(fates.map(reason)).toEqual(new Array(6).fill("radio-gone"));
    for (const told of fates) expect(told.filter(({ state }) => state === "failed").length).toBe(1);
  });

  test("tries again when the radio's own queue is full, and gives up a radio that says nothing", () => {
    const { time, radio, fates, sends } = carrierOn(FREE);
    radio.refusals.push({ state: "failed", reason: "queue-full", detail: "16 packets" });
    sends(9);
    time.advance(1_000);
    expect(reason(fates[0])).toBe("on-air");
    radio.isDeaf = true;
    sends(9);
    time.advance(60_000);
    expect(reason(fates[1])).toBe("radio-gone");
  });

  test("keeps no more frames than it has room for, and the least urgent give way", () => {
    const { time, fates, sends } = carrierOn(FREE);
    for (let frame = 0; frame < 513; frame += 1) sends(9, "background");
    sends(9, "sos");
    time.advance(0);
    expect(fates.filter((told) => reason(told) === "queue-full").length).toBe(1);
    expect(reason(fates[512])).toBe("queue-full");
    time.runToEnd(HOUR_MS);
    expect(reason(fates.at(-1))).toBe("on-air");
  });

  test("says honestly when a frame will have left", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 1, max: 255 }), fc.constantFrom(...PRIORITIES)), {
          maxLength: 120,
        }),
        fc.integer({ min: 1, max: 255 }),
        (queue, bytes) => {
          const { time, carrier, fates, sends } = carrierOn(EU);
          for (const [size, priority] of queue) sends(size, priority);
          const etaMs = carrier.etaMs(carrier.airtimeMs(bytes), "direct");
          sends(bytes, "direct");
          const before = time.monotonicMs();
          time.runUntil(() => reason(fates.at(-1)) === "on-air", 10 * HOUR_MS);
          const tookMs = time.monotonicMs() - before;
          expect(Math.abs(etaMs - tookMs)).toBeLessThan(1 + tookMs * 0.05);
        },
      ),
    );
  });

  test("never has more on the air in any rolling hour than the band allows", () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.tuple(
            fc.integer({ min: 0, max: 120_000 }),
            fc.integer({ min: 1, max: 255 }),
            fc.constantFrom(...PRIORITIES),
          ),
          { minLength: 100, maxLength: 400 },
        ),
        (traffic) => {
          const { time, radio, sends } = carrierOn(EU);
          for (const [waitMs, bytes, priority] of traffic) {
            time.advance(waitMs);
            sends(bytes, priority);
          }
          time.runToEnd(48 * HOUR_MS);
          expect(radio.seen.length).toBe(traffic.length);
          expect(mostInAnyWindow(radio.seen, HOUR_MS)).toBeLessThanOrEqual(360_000);
        },
      ),
      { numRuns: 30 },
    );
  });
});

describe("carriers that share the air", () => {
  /** Stations within hearing of each other, on a channel without a duty cycle. */
  function stations(count: number, seed: number) {
    const time = new VirtualTime();
    const air = new Air({ timers: time, seed });
    const random = seededRandom(seed);
    const carriers = Array.from({ length: count }, (_, index) => {
      const modem = air.modem({ name: `station ${index}`, position: { x: index * 3, y: 0 } });
      const radio = new ModemRadio({ modem, settings: CHANNEL, timers: time });
      void radio.open();
      return new PacedCarrier({
        radio,
        channel: CHANNEL,
        ledger: ledgerOf(FREE),
        timers: time,
        random,
        isBusy: () => radio.isBusy(),
      });
    });
    return { time, air, carriers };
  }

  test("one sender with much to say is on the air at least 95 % of the time", () => {
    const { time, air, carriers } = stations(2, 5);
    const [sender] = carriers;
    for (let frame = 0; frame < 200; frame += 1) sender?.send(new Uint8Array(255), "room", () => {});
    time.advance(300_000);
    expect(air.airtime.totalMs("station 0") / 300_000).toBeGreaterThan(0.95);
  });

  test("ten senders collide seldom, and each gets its turn", () => {
    const { time, air, carriers } = stations(10, 7);
    for (const carrier of carriers)
      for (let frame = 0; frame < 400; frame += 1) carrier.send(new Uint8Array(120), "room", () => {});
    time.advance(3_600_000);
    const shares = carriers.map((_, index) => air.airtime.totalMs(`station ${index}`) / 3_600_000);
    expect(Math.min(...shares)).toBeGreaterThan(0.03);
    const { received, lost } = air.stats();
    expect((lost.collision + lost["half-duplex"] + lost.locked) / received).toBeLessThan(0.1);
  });
});
