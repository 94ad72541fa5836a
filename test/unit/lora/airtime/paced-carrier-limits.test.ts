import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { seededRandom } from "../../../../src/bench/seeded-random.ts";
import { VirtualTime } from "../../../../src/bench/virtual-time.ts";
import { AirtimeLedger, type Reservation } from "../../../../src/lora/airtime/airtime-ledger.ts";
import { PacedCarrier, type PacedCarrierOptions } from "../../../../src/lora/airtime/paced-carrier.ts";
import { type SubBand, subBandOf } from "../../../../src/lora/airtime/regions.ts";
import type { SendOptions } from "../../../../src/lora/frame-carrier.ts";
import { PRESETS } from "../../../../src/lora/modulation.ts";
import { PRIORITIES, type Priority, rankOf } from "../../../../src/lora/priority.ts";
import type { Fate } from "../../../../src/lora/radio.ts";
import { CHANNEL, FakeRadio } from "./fake-radio.ts";
import { ManagedRadio } from "./managed-radio.ts";
import { mostInAnyWindow } from "./rolling-window.ts";

const HOUR_MS = 3_600_000;
const EU = subBandOf("EU868", CHANNEL);
const FREE: SubBand = { ...EU, limits: [] };
const QUEUE_FULL: Fate = { state: "failed", reason: "queue-full", detail: "16 packets" };

function carrierOn<R extends FakeRadio>(
  subBand: SubBand,
  radioOn: (time: VirtualTime) => R,
  options: Partial<PacedCarrierOptions> = {},
) {
  const time = new VirtualTime();
  const radio = radioOn(time);
  const ledger = new AirtimeLedger({ subBand, nowMs: 0, reserve: (_, kept) => kept() });
  const carrier = new PacedCarrier({
    radio,
    channel: CHANNEL,
    ledger,
    timers: time,
    random: seededRandom(3),
    ...options,
  });
  /** @returns when it had left, once it has */
  const sends = (bytes: number, priority: Priority = "direct", sending: SendOptions = {}) => {
    const sent: { leftMs?: number; last?: Fate; cancel: () => void } = { cancel: () => {} };
    const told = (fate: Fate) => {
      sent.last = fate;
      if (fate.state === "on-air") sent.leftMs = time.monotonicMs();
    };
    sent.cancel = carrier.send(new Uint8Array(bytes), priority, told, sending);
    return sent;
  };
  return { time, radio, ledger, carrier, sends };
}

const rawRadio = (time: VirtualTime) => new FakeRadio(time);

describe("what a paced carrier charges to the ledger", () => {
  test("is nothing for a packet that the radio had no room for, however often", () => {
    const { time, radio, ledger, carrier, sends } = carrierOn(EU, (t) => new ManagedRadio(t, () => 0));
    for (let attempt = 0; attempt < 1_000; attempt += 1) radio.refusals.push(QUEUE_FULL);
    const sent = sends(100);
    time.advance(1_000_000);
    expect(sent.leftMs).toBeNumber();
    expect(ledger.roomMs(time.monotonicMs())).toBeCloseTo(360_000 - carrier.airtimeMs(100), 6);
  });

  test("is nothing for what managed firmware refuses, and all for what a raw radio does", () => {
    const refused: Fate = { state: "failed", reason: "refused", detail: "no region is set" };
    for (const [radioOn, shareLeft] of [
      [(t: VirtualTime) => new ManagedRadio(t, () => 0), 0],
      [rawRadio, 1],
    ] as const) {
      const { time, radio, ledger, carrier, sends } = carrierOn(EU, radioOn);
      radio.refusals.push(refused);
      const sent = sends(100);
      time.advance(10_000);
      expect(sent.last).toEqual(refused);
      expect(ledger.roomMs(10_000)).toBeCloseTo(360_000 - shareLeft * carrier.airtimeMs(100), 6);
    }
  });

  test("counts from when a firmware really sent: no rolling hour overruns though packets wait in the radio", () => {
    const random = seededRandom(11);
    const { time, radio, sends } = carrierOn(EU, (t) => new ManagedRadio(t, () => random() ** 4 * 20_000));
    for (let at = 0; at < 12 * HOUR_MS; at += 5_000) {
      if (random() < 0.1) radio.refusals.push(QUEUE_FULL);
      sends(1 + Math.floor(random() * 233), PRIORITIES[Math.floor(random() * 5)]);
      time.advance(5_000);
    }
    const share = mostInAnyWindow(radio.seen, HOUR_MS) / 360_000;
    expect(share).toBeLessThanOrEqual(1);
    expect(share).toBeGreaterThan(0.95);
  });

  test("holds what the firmware says that it sent of its own accord", () => {
    const { time, radio, ledger } = carrierOn(EU, (t) => new ManagedRadio(t, () => 0));
    time.advance(HOUR_MS);
    radio.reports(0.04);
    expect(ledger.roomMs(time.monotonicMs())).toBeCloseTo(360_000 - 144_000, 6);
    // The same said again is not more.
    radio.reports(0.04);
    radio.reports(0.01);
    expect(ledger.roomMs(time.monotonicMs())).toBeCloseTo(360_000 - 144_000, 6);
    radio.reports(0.5);
    expect(ledger.roomMs(time.monotonicMs())).toBe(0);
  });
});

describe("what a firmware sends of its own accord", () => {
  /** A box with a ledger on a medium, and one managed radio on it whose count is the sum of what it was told to relay. */
  function box(medium: Reservation[] = []) {
    const time = new VirtualTime();
    const ledger = new AirtimeLedger({
      subBand: EU,
      nowMs: 0,
      earlier: [...medium],
      reserve: (reservation, kept) => {
        medium.push(reservation);
        kept();
      },
    });
    const radioOf = (self?: string) => Object.assign(new ManagedRadio(time, () => 0), { self });
    const carrierOf = (radio: FakeRadio) =>
      new PacedCarrier({ radio, channel: CHANNEL, ledger, timers: time, random: seededRandom(3) });
    const usedMs = () => 360_000 - ledger.roomMs(time.monotonicMs());
    const sends = (carrier: PacedCarrier, frames: number) => {
      for (let frame = 0; frame < frames; frame += 1) carrier.send(new Uint8Array(200), "room", () => {});
      time.advance(frames * carrier.airtimeMs(200) + 1);
    };
    return { time, medium, ledger, radioOf, carrierOf, usedMs, sends };
  }

  test("does not hide behind what another case has used", () => {
    const { radioOf, carrierOf, usedMs, sends } = box();
    const relaying = radioOf("!1");
    carrierOf(relaying);
    sends(carrierOf(radioOf("!2")), 60);
    const beforeMs = usedMs();
    expect(beforeMs).toBeGreaterThan(100_000);
    relaying.reports(40_000 / HOUR_MS);
    expect(usedMs()).toBeCloseTo(beforeMs + 40_000, 3);
    relaying.reports(50_000 / HOUR_MS);
    expect(usedMs()).toBeCloseTo(beforeMs + 50_000, 3);
  });

  test("is what it reports beyond what it was given", () => {
    const { radioOf, carrierOf, usedMs, sends } = box();
    const radio = radioOf("!1");
    sends(carrierOf(radio), 60);
    const beforeMs = usedMs();
    radio.reports((beforeMs + 20_000) / HOUR_MS);
    expect(usedMs()).toBeCloseTo(beforeMs + 20_000, 3);
  });

  test.each(["on the same line", "on a new one"])(
    "does not hide behind what was before it began to count anew, %s",
    (where) => {
      const { time, radioOf, carrierOf, usedMs, sends } = box();
      let radio = radioOf("!1");
      const carrier = carrierOf(radio);
      sends(carrier, 100);
      const beforeMs = usedMs();
      radio.reports(beforeMs / HOUR_MS);
      expect(usedMs()).toBeCloseTo(beforeMs, 3);
      time.advance(600_000);
      if (where === "on a new one") {
        carrier.close();
        radio = radioOf("!1");
        radio.airtimeShare = 0;
        carrierOf(radio);
      } else radio.reports(0);
      expect(usedMs()).toBeCloseTo(beforeMs, 3);
      time.advance(600_000);
      radio.reports(100_000 / HOUR_MS);
      expect(usedMs()).toBeCloseTo(beforeMs + 100_000, 3);
    },
  );

  test("is not counted again when the line to it is new, nor when an old report is repeated", () => {
    const { time, radioOf, carrierOf, usedMs, sends } = box();
    const radio = radioOf("!1");
    const carrier = carrierOf(radio);
    sends(carrier, 60);
    const sentMs = usedMs();
    radio.reports((sentMs + 30_000) / HOUR_MS);
    time.advance(300_000);
    carrier.close();
    const again = radioOf("!1");
    again.airtimeShare = (sentMs + 30_000) / HOUR_MS;
    sends(carrierOf(again), 60);
    time.advance(300_000);
    again.reports(again.airtimeShare);
    expect(usedMs()).toBeCloseTo(2 * sentMs + 30_000, 3);
  });

  test("counts when the carrier is made, and is on the medium for the next start", () => {
    const { medium, radioOf, carrierOf, usedMs } = box();
    const radio = radioOf("!1");
    radio.airtimeShare = 0.05;
    carrierOf(radio);
    expect(usedMs()).toBeCloseTo(180_000, 3);
    expect(medium.map(({ airtimeMs }) => airtimeMs)).toEqual([180_000]);

    const next = box(medium);
    expect(next.usedMs()).toBeCloseTo(180_000, 3);
    // The radio still counts it, and it is the same.
    const same = next.radioOf("!1");
    same.airtimeShare = 0.05;
    next.carrierOf(same);
    expect(next.usedMs()).toBeCloseTo(180_000, 3);
    // Another one's is another.
    const other = next.radioOf("!2");
    other.airtimeShare = 0.01;
    next.carrierOf(other);
    expect(next.usedMs()).toBeCloseTo(216_000, 3);
  });

  test("is no part of what was before the machine was switched off", () => {
    const { radioOf, carrierOf, usedMs } = box([
      { subBand: EU.name, atMs: -100, airtimeMs: 180_000, isOfEarlierBoot: true },
    ]);
    const radio = radioOf("!1");
    radio.airtimeShare = 0.02;
    carrierOf(radio);
    expect(usedMs()).toBeCloseTo(252_000, 3);
  });
});

describe("the airtime of a frame that was with the radio when the carrier was closed", () => {
  test("counts as if it left last: the radio may send it yet", () => {
    const { time, ledger, carrier, sends } = carrierOn(EU, (t) => new ManagedRadio(t, () => 60_000));
    sends(100);
    time.advance(10_000);
    carrier.close();
    const frameMs = carrier.airtimeMs(100);
    // It is in every window that ends an hour after that, whole.
    expect(ledger.roomMs(10_000 + HOUR_MS)).toBeCloseTo(360_000 - frameMs, 6);
    expect(ledger.roomMs(10_001 + HOUR_MS + frameMs)).toBe(360_000);
  });
});

describe("a frame that managed firmware holds", () => {
  test("for two minutes is not told failed and sent later", () => {
    const { time, sends } = carrierOn(FREE, (t) => new ManagedRadio(t, () => 125_000));
    const sent = sends(100);
    time.advance(160_000);
    expect(sent.last).toEqual({ state: "on-air" });
    expect(sent.leftMs).toBeGreaterThan(125_000);
  });

  test("without a word is given up at last", () => {
    const { time, sends } = carrierOn(FREE, (t) => new ManagedRadio(t, () => 1_000_000));
    const sent = sends(100);
    time.advance(160_000);
    expect(sent.last).toMatchObject({ state: "failed", reason: "radio-gone" });
  });
});

describe("a packet that the radio had no room for", () => {
  test("keeps its place before what came after it", () => {
    const { time, radio, sends } = carrierOn(FREE, (t) => new ManagedRadio(t, () => 0));
    radio.refusals.push(QUEUE_FULL);
    sends(1);
    sends(2);
    time.advance(60_000);
    expect(radio.seen.map(({ payload }) => payload.length)).toEqual([1, 2]);
  });
});

describe("an answer that has to wait for airtime", () => {
  test("holds up no SOS, whose own share is free, and the carrier foretells it", () => {
    const { time, carrier, sends } = carrierOn(EU, rawRadio);
    for (let frame = 0; frame < 200; frame += 1) sends(255, "room");
    time.advance(1_000_000);
    const answers = Array.from({ length: 3 }, () => sends(255, "direct", { isAnswer: true }));
    time.advance(10_000);
    expect(answers.map(({ leftMs }) => leftMs)).toEqual([undefined, undefined, undefined]);
    const etaMs = carrier.etaMs(2 * carrier.airtimeMs(100), "sos");
    const beforeMs = time.monotonicMs();
    const calls = [sends(100, "sos"), sends(100, "sos")];
    time.advance(5_000);
    expect((calls[0]?.leftMs ?? 0) - beforeMs).toBeCloseTo(carrier.airtimeMs(100), 6);
    expect((calls[1]?.leftMs ?? 0) - beforeMs).toBeCloseTo(etaMs, 6);
    time.runToEnd(10 * HOUR_MS);
    for (const { leftMs } of answers) expect(leftMs).toBeNumber();
  });

  test("still goes before an SOS where both may", () => {
    const { time, sends } = carrierOn(EU, rawRadio);
    sends(100, "room");
    const sos = sends(100, "sos");
    const answer = sends(40, "direct", { isAnswer: true });
    time.runToEnd(HOUR_MS);
    expect(answer.leftMs ?? 0).toBeLessThan(sos.leftMs ?? 0);
  });

  test("is in the time foretold, among whatever else waits", () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.tuple(
            fc.integer({ min: 1, max: 230 }),
            fc.constantFrom("answer" as const, "sos" as const, "check-in" as const),
          ),
          { minLength: 150, maxLength: 400 },
        ),
        fc.integer({ min: 0, max: HOUR_MS }),
        (queue, laterMs) => {
          const { time, carrier, sends } = carrierOn(EU, rawRadio);
          for (const [size, what] of queue) {
            if (what === "answer") sends(size, "direct", { isAnswer: true });
            else sends(size, what);
          }
          time.advance(laterMs);
          const beforeMs = time.monotonicMs();
          const etaMs = carrier.etaMs(carrier.airtimeMs(100), "sos");
          const sent = sends(100, "sos");
          time.runUntil(() => sent.leftMs !== undefined, 100 * HOUR_MS);
          // One other frame in so many SOS goes between.
          expect(Math.abs((sent.leftMs ?? 0) - beforeMs - etaMs)).toBeLessThan(60_000);
        },
      ),
      { numRuns: 40 },
    );
  });
});

describe("the time that a paced carrier foretells", () => {
  const bands: readonly SubBand[] = [
    EU,
    subBandOf("EU868", { ...CHANNEL, frequencyHz: 868_300_000 }),
    { ...EU, limits: [{ windowMs: 20_000, airtimeMs: 2_400 }], pauseMs: 50 },
    FREE,
  ];
  test("is when it has left also where the law makes it wait for hours", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...bands),
        fc.array(fc.tuple(fc.integer({ min: 1, max: 230 }), fc.constantFrom(...PRIORITIES)), {
          minLength: 10,
          maxLength: 300,
        }),
        fc.integer({ min: 0, max: HOUR_MS }),
        fc.integer({ min: 1, max: 230 }),
        fc.constantFrom(...PRIORITIES),
        (subBand, queue, laterMs, bytes, priority) => {
          const { time, carrier, sends } = carrierOn(subBand, rawRadio);
          for (const [size, urgency] of queue) sends(size, urgency);
          time.advance(laterMs);
          const before = time.monotonicMs();
          const etaMs = carrier.etaMs(carrier.airtimeMs(bytes), priority);
          const sent = sends(bytes, priority);
          time.runUntil(() => sent.leftMs !== undefined, 100 * HOUR_MS);
          // What an SOS overtakes it does not delay, but for one frame in so many: where that fills a window of 20 s, by it.
          expect(Math.abs((sent.leftMs ?? 0) - before - etaMs)).toBeLessThan(22_000);
        },
      ),
      { numRuns: 60 },
    );
  });

  test("is right for a message of many frames", () => {
    const { time, carrier, sends } = carrierOn(EU, rawRadio);
    const frameMs = carrier.airtimeMs(255);
    const etaMs = carrier.etaMs(300 * frameMs, "room");
    const sent = Array.from({ length: 300 }, () => sends(255, "room"));
    time.runToEnd(100 * HOUR_MS);
    expect(Math.abs((sent.at(-1)?.leftMs ?? 0) - etaMs)).toBeLessThan(10);
    expect(etaMs).toBeGreaterThan(2 * HOUR_MS);
  });

  test("has the contention before each turn in it, on a radio that listens first", () => {
    let foretoldMs = 0;
    let tookMs = 0;
    for (let seed = 0; seed < 50; seed += 1) {
      const { time, carrier, sends } = carrierOn(FREE, rawRadio, {
        random: seededRandom(seed),
        isBusy: () => false,
      });
      foretoldMs += carrier.etaMs(carrier.airtimeMs(10), "direct");
      const sent = sends(10);
      time.runToEnd(HOUR_MS);
      tookMs += sent.leftMs ?? 0;
    }
    expect(tookMs / foretoldMs).toBeGreaterThan(0.9);
    expect(tookMs / foretoldMs).toBeLessThan(1.1);
  });

  test("is in proportion for what takes days", () => {
    const { carrier } = carrierOn(EU, rawRadio);
    const dayMs = carrier.etaMs(24 * 288_000, "direct");
    expect(dayMs / (24 * HOUR_MS)).toBeCloseTo(1, 1);
    expect(carrier.etaMs(240 * 288_000, "direct") / dayMs).toBeCloseTo(10, 0);
  });
});

describe("a dwell time shorter than the longest frame", () => {
  const US = subBandOf("US915", { ...CHANNEL, frequencyHz: 906_875_000 });

  test("shortens the frames that the carrier takes, and each of that size goes, whatever its priority", () => {
    const { time, carrier, sends } = carrierOn(US, rawRadio);
    expect(carrier.maxFrameBytes).toBeLessThan(30);
    expect(carrier.airtimeMs(carrier.maxFrameBytes)).toBeLessThanOrEqual(400);
    expect(carrier.airtimeMs(carrier.maxFrameBytes + 1)).toBeGreaterThan(400);
    const sent = PRIORITIES.map((priority) => sends(carrier.maxFrameBytes, priority));
    time.runToEnd(HOUR_MS);
    for (const { leftMs } of sent) expect(leftMs).toBeNumber();
  });

  test("is none where the signal is 500 kHz wide", () => {
    const channel = { ...CHANNEL, frequencyHz: 906_875_000, modulation: PRESETS.ShortTurbo };
    const { carrier } = carrierOn(subBandOf("US915", channel), rawRadio, { channel });
    expect(carrier.maxFrameBytes).toBe(255);
  });
});

describe("waiting in a paced carrier", () => {
  test.each(PRIORITIES.slice(1))(
    "comes to an end for %s under a flood of all that is more urgent",
    (last) => {
      const { time, carrier, sends } = carrierOn(FREE, rawRadio);
      const frameMs = carrier.airtimeMs(50);
      const more = PRIORITIES.slice(0, rankOf(last));
      sends(50, "sos");
      const sent = sends(50, last);
      for (let turn = 0; sent.leftMs === undefined && turn < 10_000; turn += 1) {
        for (const priority of more) if (carrier.waiting < 100) sends(50, priority);
        time.advance(frameMs);
      }
      // A minute for each step between, all that came before then, and one frame in nine beside the SOS.
      expect(sent.leftMs ?? Number.POSITIVE_INFINITY).toBeLessThan(
        (rankOf(last) - 1) * 60_000 * 9 + 110 * 9 * frameMs,
      );
    },
  );

  test("is not made longer by a frame before it that was taken back", () => {
    const { time, carrier, sends } = carrierOn(
      { ...EU, limits: [{ windowMs: HOUR_MS, airtimeMs: 2_500 }] },
      rawRadio,
      {
        sosReserve: 0,
      },
    );
    sends(100);
    const large = sends(200);
    const small = sends(10);
    time.advance(60_000);
    expect([large.leftMs, small.leftMs]).toEqual([undefined, undefined]);
    large.cancel();
    time.advance(carrier.airtimeMs(10));
    expect(small.leftMs).toBeNumber();
  });
});

describe("a sender that hands in one frame when the one before has left", () => {
  test.each(Object.entries(PRESETS))("is on the air 95 %% of the time on %s", (_, modulation) => {
    const channel = { ...CHANNEL, modulation };
    const { time, carrier } = carrierOn(FREE, (t) => new FakeRadio(t, channel), {
      channel,
      isBusy: () => false,
    });
    let frames = 0;
    const next = () =>
      void carrier.send(new Uint8Array(200), "room", ({ state }) => {
        if (state !== "on-air") return;
        frames += 1;
        next();
      });
    next();
    time.advance(HOUR_MS);
    expect((frames * carrier.airtimeMs(200)) / HOUR_MS).toBeGreaterThan(0.95);
  });

  test("contends anew after a pause in which another may have begun", () => {
    const { time, radio, sends } = carrierOn(FREE, rawRadio, { isBusy: () => false });
    sends(10);
    time.advance(10_000);
    sends(10);
    time.advance(10_000);
    // Four slots of four symbols of 8.192 ms at the least.
    expect((radio.seen[1]?.startMs ?? 0) - 10_000).toBeGreaterThan(4 * 4 * 8.192 - 1);
  });

  test("contends anew when a frame was taken back in the moment that its turn came", () => {
    let isBusy = false;
    const { time, radio, sends } = carrierOn(FREE, rawRadio, { isBusy: () => isBusy });
    const first = sends(10);
    isBusy = true;
    time.advance(1_000);
    first.cancel();
    isBusy = false;
    time.advance(60_000);
    sends(10);
    time.advance(10_000);
    expect(radio.seen.length).toBe(1);
    expect((radio.seen[0]?.startMs ?? 0) - 61_000).toBeGreaterThan(4 * 4 * 8.192 - 1);
  });
});
