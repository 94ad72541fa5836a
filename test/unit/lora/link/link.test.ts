import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { type BoxesOptions, boxesOnAir } from "../../../../src/bench/lora/boxes-on-air.ts";
import { seededRandom } from "../../../../src/bench/seeded-random.ts";
import { subBandOf } from "../../../../src/lora/airtime/index.ts";
import type { Arrived, LinkMessage } from "../../../../src/lora/link/index.ts";
import { type ChannelSettings, PRESETS } from "../../../../src/lora/modulation.ts";
import { PRIORITIES } from "../../../../src/lora/priority.ts";
import type { Fate } from "../../../../src/lora/radio.ts";

const HOUR_MS = 3_600_000;
const FAST: ChannelSettings = { frequencyHz: 869_525_000, modulation: PRESETS.ShortTurbo, powerDbm: 14 };
const LONG: ChannelSettings = { ...FAST, modulation: PRESETS.LongFast };

/** Boxes on one channel, and what arrives at each. */
function boxes(options: Partial<BoxesOptions> = {}) {
  const made = boxesOnAir({ count: 2, channel: FAST, seed: 1, ...options });
  const arrived = made.boxes.map(({ link }) => {
    const all: Arrived[] = [];
    link.on("message", (one) => all.push(one));
    return all;
  });
  const fates: Fate[][] = [];
  const submit = (from: number, message: Partial<LinkMessage> & Pick<LinkMessage, "payload">) => {
    const told: Fate[] = [];
    fates.push(told);
    const full: LinkMessage = { priority: "direct", to: 2, lifetimeMs: HOUR_MS, ...message };
    const admission = made.boxes[from]?.link.submit(full, (fate) => told.push(fate));
    if (!admission) throw new Error(`no box ${from}`);
    return admission;
  };
  return { ...made, arrived, fates, submit };
}

const bytesOf = (length: number, seed = length): Uint8Array => {
  const random = seededRandom(seed);
  return Uint8Array.from({ length }, () => Math.floor(random() * 256));
};
const states = (told: readonly Fate[] | undefined) => told?.map(({ state }) => state);
const last = (told: readonly Fate[] | undefined) => {
  const fate = told?.at(-1);
  return fate?.state === "failed" ? fate.reason : fate?.state;
};

describe("a link", () => {
  test("brings a short message, and tells its sender", () => {
    const { time, arrived, fates, submit } = boxes();
    const payload = new TextEncoder().encode("We are at the school");
    expect(submit(0, { payload })).toMatchObject({ accepted: true, etaMs: expect.any(Number) });
    expect(fates[0]).toEqual([]);
    time.advance(10_000);
    expect(arrived[1]?.map((one) => [one.payload, one.from, one.isToEveryone])).toEqual([
      [payload, 1, false],
    ]);
    expect(arrived[1]?.[0]?.received.snrDb).toBeGreaterThan(0);
    expect(states(fates[0])).toEqual(["queued", "on-air", "acknowledged"]);
  });

  test.each([1, 200, 244, 247, 5_000, 60_000])("brings %d bytes whole", (length) => {
    const { time, arrived, fates, submit } = boxes();
    submit(0, { payload: bytesOf(length) });
    time.runUntil(() => last(fates[0]) === "acknowledged", HOUR_MS);
    expect(arrived[1]?.map(({ payload }) => payload)).toEqual([bytesOf(length)]);
  });

  test("brings a message to everyone who hears it, and to nobody else's box what is for one", () => {
    const { time, arrived, fates, submit } = boxes({ count: 4 });
    submit(0, { payload: bytesOf(700), to: "everyone", priority: "room" });
    submit(0, { payload: bytesOf(20), to: 3 });
    time.advance(60_000);
    expect(arrived.map((all) => all.map(({ payload }) => payload.length))).toEqual([
      [],
      [700],
      [20, 700],
      [700],
    ]);
    expect(states(fates[0])).toEqual(["queued", "on-air"]);
  });

  test("sends an SOS to everyone three times, and each box takes it once", () => {
    const { time, air, arrived, submit } = boxes({ count: 3 });
    submit(0, { payload: bytesOf(50), to: "everyone", priority: "sos" });
    time.advance(120_000);
    expect(air.stats().sent).toBe(3);
    expect(arrived.map((all) => all.length)).toEqual([0, 1, 1]);
  });

  test("mends a long message to everyone by what the boxes lack", () => {
    const { time, arrived, submit } = boxes({ count: 5, frameLoss: 0.2, seed: 3 });
    submit(0, { payload: bytesOf(4_000), to: "everyone", priority: "room" });
    time.advance(600_000);
    for (const all of arrived.slice(1)) expect(all.map(({ payload }) => payload)).toEqual([bytesOf(4_000)]);
  });

  test("brings every message it took on, once, at 30 % loss, in both directions", () => {
    fc.assert(
      fc.property(
        fc.nat(),
        fc.array(fc.tuple(fc.integer({ min: 1, max: 3_000 }), fc.boolean(), fc.constantFrom(...PRIORITIES)), {
          minLength: 1,
          maxLength: 12,
        }),
        (seed, messages) => {
          const { time, arrived, fates, submit } = boxes({ seed, frameLoss: 0.3 });
          for (const [index, [length, isBack, priority]] of messages.entries()) {
            const admission = submit(isBack ? 1 : 0, {
              payload: bytesOf(length, index),
              to: isBack ? 1 : 2,
              priority,
            });
            expect(admission.accepted).toBe(true);
          }
          time.runUntil(() => fates.every((told) => last(told) === "acknowledged"), HOUR_MS);
          expect(fates.map(last)).toEqual(messages.map(() => "acknowledged"));
          time.advance(60_000);
          for (const isBack of [false, true]) {
            const sent = messages.flatMap(([length, back], index) =>
              back === isBack ? [bytesOf(length, index)] : [],
            );
            const got = arrived[isBack ? 0 : 1]?.map(({ payload }) => payload) ?? [];
            const inOrder = (all: Uint8Array[]) => all.map((one) => Buffer.from(one).toString("hex")).sort();
            expect(inOrder(got)).toEqual(inOrder(sent));
          }
        },
      ),
      { numRuns: 25 },
    );
  });

  test("lets an urgent message go between the pieces of a long one", () => {
    const { time, arrived, submit } = boxes();
    submit(0, { payload: bytesOf(20_000), priority: "background" });
    time.advance(300);
    submit(0, { payload: bytesOf(30), priority: "sos" });
    time.advance(5_000);
    expect(arrived[1]?.map(({ payload }) => payload.length)).toEqual([30]);
    time.advance(60_000);
    expect(arrived[1]?.map(({ payload }) => payload.length)).toEqual([30, 20_000]);
  });

  test("holds a message until its box is heard, then sends it at once", () => {
    const { time, boxes: all, arrived, fates, submit } = boxes({ channel: LONG });
    all[1]?.unplug();
    submit(0, { payload: bytesOf(30), lifetimeMs: 12 * HOUR_MS });
    time.advance(6 * HOUR_MS);
    expect(states(fates[0])).toEqual(["queued", "on-air"]);
    all[1]?.plug();
    submit(1, { payload: bytesOf(10), to: "everyone" });
    time.advance(20_000);
    expect(arrived[1]?.map(({ payload }) => payload)).toEqual([bytesOf(30)]);
    expect(last(fates[0])).toBe("acknowledged");
  });

  test("spends little on a box that does not answer", () => {
    const { time, air, boxes: all, submit } = boxes({ channel: LONG });
    all[1]?.unplug();
    for (let message = 0; message < 20; message += 1)
      submit(0, { payload: bytesOf(200), lifetimeMs: 12 * HOUR_MS });
    time.advance(12 * HOUR_MS);
    expect(air.airtime.totalMs("box 1") / (12 * HOUR_MS)).toBeLessThan(0.008);
  });

  test("says that a message has failed when its lifetime is over", () => {
    const { time, boxes: all, fates, submit } = boxes();
    all[1]?.unplug();
    submit(0, { payload: bytesOf(30), lifetimeMs: 60_000 });
    time.advance(60_001);
    expect(fates[0]?.at(-1)).toMatchObject({
      state: "failed",
      reason: "expired",
      detail: expect.stringContaining("not heard"),
    });
    expect(all[0]?.link.waiting).toBe(0);
  });

  test("gives a message up when it is told to", () => {
    const { time, boxes: all, fates, submit } = boxes();
    const admission = submit(0, { payload: bytesOf(20_000) });
    time.advance(500);
    if (admission.accepted) admission.cancel();
    time.advance(10_000);
    expect(last(fates[0])).toBe("cancelled");
    expect(all[0]?.link.waiting).toBe(0);
  });
});

describe("admission to a link", () => {
  const EU = subBandOf("EU868", LONG);

  test.each([
    ["an empty payload", { payload: new Uint8Array() }, "refused"],
    ["more than a message may have", { payload: new Uint8Array(65_537) }, "too-large"],
    ["a lifetime of nothing", { payload: new Uint8Array(1), lifetimeMs: 0 }, "expired"],
    [
      "a lifetime without end",
      { payload: new Uint8Array(1), lifetimeMs: Number.POSITIVE_INFINITY },
      "refused",
    ],
    ["a lifetime that is no number", { payload: new Uint8Array(1), lifetimeMs: Number.NaN }, "refused"],
    ["a lifetime of more than 7 days", { payload: new Uint8Array(1), lifetimeMs: 604_800_001 }, "refused"],
    ["what is to this box itself", { payload: new Uint8Array(1), to: 1 }, "refused"],
  ])("refuses %s at once", (_, message, reason) => {
    const { submit, time, fates } = boxes();
    expect(submit(0, message)).toMatchObject({ accepted: false, reason });
    time.advance(1_000);
    expect(fates[0]).toEqual([]);
  });

  test("names the field that is wrong", () => {
    const { submit } = boxes();
    const payload = new Uint8Array(1);
    const details = [{ lifetimeMs: Number.NaN }, { lifetimeMs: 604_800_001 }, { to: 1 }].map((wrong) => {
      const admission = submit(0, { payload, ...wrong });
      return admission.accepted ? undefined : admission.detail;
    });
    expect(details).toEqual([
      "lifetimeMs: NaN is no finite number",
      "lifetimeMs: 604800001 is more than 7 days, 604800000",
      "to: this box itself",
    ]);
    expect(submit(0, { payload, lifetimeMs: 604_800_000 }).accepted).toBe(true);
  });

  test("refuses at once what cannot be sent within its lifetime, and says how long it would take", () => {
    const { submit } = boxes({ channel: LONG });
    expect(submit(0, { payload: bytesOf(10_000), lifetimeMs: 30_000 })).toMatchObject({
      accepted: false,
      reason: "expired",
      detail: expect.stringMatching(/^it would take \d+ s, longer than its lifetime$/),
    });
    expect(submit(0, { payload: bytesOf(10_000), lifetimeMs: 300_000 }).accepted).toBe(true);
  });

  test("counts what is before a message, and what the law leaves of the hour", () => {
    const { submit } = boxes({ channel: LONG, subBand: EU });
    const etas = Array.from({ length: 4 }, () => {
      const admission = submit(0, { payload: bytesOf(20_000), lifetimeMs: 24 * HOUR_MS });
      return admission.accepted ? (admission.etaMs ?? 0) : 0;
    });
    expect(etas).toEqual([...etas].sort((a, b) => a - b));
    // 20,000 bytes are 180 s on the air, and an hour has 288 s without the reserve for an SOS.
    expect(etas[0]).toBeLessThan(200_000);
    expect(etas[3]).toBeGreaterThan(HOUR_MS);
    expect(submit(0, { payload: bytesOf(20_000), lifetimeMs: HOUR_MS / 2 })).toMatchObject({
      reason: "expired",
    });
    // What is more urgent does not wait for it.
    expect(submit(0, { payload: bytesOf(20), priority: "sos", lifetimeMs: 60_000 }).accepted).toBe(true);
  });

  test("refuses when too many are on their way", () => {
    const { boxes: all, submit } = boxes();
    all[0]?.unplug();
    for (let message = 0; message < 512; message += 1)
      expect(submit(0, { payload: bytesOf(9) }).accepted).toBe(true);
    expect(submit(0, { payload: bytesOf(9) })).toMatchObject({ accepted: false, reason: "queue-full" });
  });
});

describe("a link whose radio comes and goes", () => {
  test("loses nothing that it took on in 100 unpluggings in the middle of transfers", () => {
    const { time, boxes: all, arrived, fates, submit } = boxes({ frameLoss: 0.1, seed: 11 });
    const random = seededRandom(5);
    let sent = 0;
    for (let round = 0; round < 100; round += 1) {
      expect(submit(0, { payload: bytesOf(1_500 + (round % 7) * 100, round) }).accepted).toBe(true);
      sent += 1;
      time.advance(100 + random() * 900);
      const box = all[round % 3 === 0 ? 1 : 0];
      box?.unplug();
      time.advance(random() * 500);
      box?.plug();
      time.advance(random() * 500);
    }
    time.runUntil(() => fates.every((told) => last(told) === "acknowledged"), HOUR_MS);
    expect(fates.filter((told) => last(told) === "acknowledged").length).toBe(sent);
    const got = arrived[1]?.map(({ payload }) => Buffer.from(payload).toString("hex")) ?? [];
    expect(new Set(got).size).toBe(sent);
    expect(got.length).toBe(sent);
  });

  test("goes on where it was: what has arrived is not sent again", () => {
    const { time, air, boxes: all, fates, submit } = boxes();
    submit(0, { payload: bytesOf(40_000) });
    time.runUntil(() => air.stats().sent > 120, HOUR_MS);
    all[0]?.unplug();
    time.advance(1_000);
    all[0]?.plug();
    time.runUntil(() => last(fates[0]) === "acknowledged", HOUR_MS);
    const pieces = Math.ceil(40_004 / 244);
    expect(air.airtime.entries("box 1").length).toBeLessThan(pieces + 10);
  });

  test("takes messages on while no radio is there, without a promise of when", () => {
    const { time, boxes: all, arrived, submit } = boxes();
    all[0]?.unplug();
    expect(submit(0, { payload: bytesOf(9) })).toMatchObject({ accepted: true, etaMs: undefined });
    time.advance(60_000);
    all[0]?.plug();
    time.advance(5_000);
    expect(arrived[1]?.length).toBe(1);
  });
});

describe("a link to a box that gets many messages", () => {
  const SIXTY = Array.from({ length: 60 }, (_, index) => bytesOf(40, 100 + index));

  test("has one report for many short ones", () => {
    const { time, air, arrived, fates, submit } = boxes({ channel: LONG });
    for (const payload of SIXTY) submit(0, { payload });
    time.runUntil(() => fates.every((told) => last(told) === "acknowledged"), HOUR_MS);
    expect(arrived[1]?.length).toBe(60);
    expect(air.airtime.entries("box 1").length).toBe(60);
    expect(air.airtime.entries("box 2").length).toBeLessThanOrEqual(4);
  });

  test("spends little more than it must at 30 % loss", () => {
    const { time, air, arrived, fates, submit } = boxes({ channel: LONG, frameLoss: 0.3, seed: 8 });
    for (const payload of SIXTY) submit(0, { payload });
    time.runUntil(() => fates.every((told) => last(told) === "acknowledged"), HOUR_MS);
    expect(arrived[1]?.length).toBe(60);
    // 60 / 0.7 frames are the least.
    expect(air.airtime.entries("box 1").length).toBeLessThan((60 / 0.7) * 1.3);
    expect(time.monotonicMs()).toBeLessThan(150_000);
  });

  test("lets an urgent message to another box go between", () => {
    const { time, arrived, submit } = boxes({ count: 3 });
    submit(0, { payload: bytesOf(20_000), priority: "background" });
    time.advance(300);
    submit(0, { payload: bytesOf(30), priority: "sos", to: 3 });
    time.advance(2_000);
    expect(arrived[2]?.map(({ payload }) => payload.length)).toEqual([30]);
    time.advance(60_000);
    expect(arrived[1]?.map(({ payload }) => payload.length)).toEqual([20_000]);
  });

  test("does not let a box that is silent keep the others waiting", () => {
    const { time, boxes: all, arrived, submit } = boxes({ count: 4 });
    all[3]?.unplug();
    for (let message = 0; message < 10; message += 1) {
      submit(0, { payload: bytesOf(500, message), to: 4 });
      submit(0, { payload: bytesOf(500, message), to: 2 });
      submit(0, { payload: bytesOf(500, message), to: 3 });
    }
    time.advance(30_000);
    expect(arrived.map((some) => some.length)).toEqual([0, 10, 10, 0]);
  });
});
