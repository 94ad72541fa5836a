import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { AirOptions } from "../../../../src/bench/air/air.ts";
import { BUILT_UP } from "../../../../src/bench/air/path-loss.ts";
import { sensitivityDbm } from "../../../../src/bench/air/sensitivity.ts";
import { PRESETS } from "../../../../src/lora/modulation.ts";
import { bytes, channel, onAir } from "./on-air.ts";

const settings = channel(PRESETS.ShortTurbo);
/** Ranges are some 400 m in the suburbs and 70 m where it is built up. */
const coordinate = fc.oneof(fc.integer({ min: -60, max: 60 }), fc.integer({ min: -600, max: 600 }));
const places = fc.array(fc.record({ x: coordinate, y: coordinate }), {
  minLength: 2,
  maxLength: 8,
  size: "max",
});
/** Who sends how much, and how long after the one before; ShortTurbo's frames take 10 to 100 ms. */
const traffic = fc.array(
  fc.record({ who: fc.nat(), length: fc.integer({ min: 1, max: 255 }), afterMs: fc.nat(150) }),
  { minLength: 1, maxLength: 60, size: "max" },
);
const seed = fc.integer();

/** Numbers each frame by its first byte, and notes what is heard when and by whom. */
function simulate(
  where: readonly { x: number; y: number }[],
  frames: readonly { who: number; length: number; afterMs: number }[],
  options: Partial<AirOptions> = {},
) {
  const world = onAir(Object.fromEntries(where.map((place, i) => [`${i}`, place])), { settings, ...options });
  const { time, air } = world;
  const modems = Object.values(world.modems);
  const sent: { id: number; from: number; startMs: number; endMs: number }[] = [];
  const heard: { id: number; by: number; rssiDbm: number; atMs: number; whileSending: boolean }[] = [];
  modems.forEach((modem, by) => {
    modem.onFrame((frame) => {
      const whileSending = modem.sending !== undefined;
      heard.push({
        id: frame.bytes[0] ?? -1,
        by,
        rssiDbm: frame.rssiDbm,
        atMs: time.monotonicMs(),
        whileSending,
      });
    });
  });
  for (const { who, length, afterMs } of frames) {
    time.advance(afterMs);
    const from = who % modems.length;
    const modem = modems[from];
    if (!modem || modem.sending) continue;
    const id = sent.length;
    const startMs = time.monotonicMs();
    sent.push({ id, from, startMs, endMs: startMs + modem.transmit(bytes(length, id), () => {}) });
  }
  time.advance(1_000);
  const rssiDbm = (from: number, to: number): number => {
    const [sender, receiver] = [modems[from], modems[to]];
    return sender && receiver ? air.rssiDbm(sender, receiver, settings) : Number.NaN;
  };
  return { air, sent, heard, modems, rssiDbm };
}

type Sent = ReturnType<typeof simulate>["sent"][number];
const meet = (a: Sent, b: Sent): boolean => a !== b && a.startMs < b.endMs && b.startMs < a.endMs;

const models = fc.constantFrom<Partial<AirOptions>>(
  {},
  { pathLoss: BUILT_UP },
  { receiver: "holds-on" },
  { pathLoss: BUILT_UP, receiver: "holds-on" },
);

describe("whatever is sent, a modem", () => {
  test("hears nothing while it sends, nor of itself, nor twice, nor before the end", () => {
    fc.assert(
      fc.property(places, traffic, seed, models, (where, frames, seedNumber, model) => {
        const { sent, heard } = simulate(where, frames, { seed: seedNumber, ...model });
        for (const { id, by, atMs, whileSending } of heard) {
          const frame = sent[id];
          expect(frame?.from).not.toBe(by);
          expect(atMs).toBeCloseTo(frame?.endMs ?? -1, 6);
          expect(whileSending).toBe(false);
          for (const own of sent) {
            if (own.from === by && frame) expect(meet(own, frame) && own.endMs >= frame.endMs).toBe(false);
          }
        }
        expect(new Set(heard.map(({ id, by }) => `${id} ${by}`)).size).toBe(heard.length);
      }),
    );
  });

  test("hears what is in range and met by nothing, and never what is out of range", () => {
    const limitDbm = sensitivityDbm(PRESETS.ShortTurbo, 6);
    const alone = { heard: 0, outOfRange: 0 };
    fc.assert(
      fc.property(places, traffic, seed, models, (where, frames, seedNumber, model) => {
        const { sent, heard, modems, rssiDbm } = simulate(where, frames, { seed: seedNumber, ...model });
        for (const frame of sent) {
          const isAlone = !sent.some((other) => meet(frame, other));
          for (let by = 0; by < modems.length; by++) {
            if (by === frame.from) continue;
            const inRange = rssiDbm(frame.from, by) >= limitDbm;
            const isHeard = heard.some((one) => one.id === frame.id && one.by === by);
            if (isAlone) expect(isHeard).toBe(inRange);
            else if (!inRange) expect(isHeard).toBe(false);
            if (isAlone) alone[inRange ? "heard" : "outOfRange"]++;
          }
        }
      }),
    );
    expect(alone.heard).toBeGreaterThan(100);
    expect(alone.outOfRange).toBeGreaterThan(100);
  });

  test("hears, of frames that meet in full, only the strongest, and only when it is 6 dB over the sum of the rest", () => {
    const together = fc.array(fc.integer({ min: 1, max: 255 }), { minLength: 2, maxLength: 8, size: "max" });
    let captured = 0;
    fc.assert(
      fc.property(places, together, seed, models, (where, lengths, seedNumber, model) => {
        // All start at once, so that each meets the whole preamble of every other.
        const frames = lengths.map((length, who) => ({ who, length, afterMs: 0 }));
        const { sent, heard, modems, rssiDbm } = simulate(where, frames, { seed: seedNumber, ...model });
        for (const { id, by } of heard) {
          const power = (frame: Sent) => 10 ** (rssiDbm(frame.from, by) / 10);
          const others = sent.filter((frame) => frame.id !== id && frame.from !== by);
          const rest = others.reduce((sum, frame) => sum + power(frame), 0);
          const frame = sent[id];
          if (rest > 0) captured++;
          expect(frame && 10 * Math.log10(power(frame) / rest)).toBeGreaterThanOrEqual(6 - 1e-6);
        }
        for (let by = 0; by < modems.length; by++) {
          expect(heard.filter((one) => one.by === by).length).toBeLessThanOrEqual(1);
        }
      }),
    );
    expect(captured).toBeGreaterThan(20);
  });

  test("has one outcome for each frame of another, and all airtime is on record", () => {
    const rate = fc.constantFrom(0, 0.3);
    fc.assert(
      fc.property(places, traffic, seed, rate, models, (where, frames, seedNumber, frameLoss, model) => {
        const { air, sent, heard, modems } = simulate(where, frames, {
          seed: seedNumber,
          frameLoss,
          ...model,
        });
        const stats = air.stats();
        const lost = Object.values(stats.lost).reduce((sum, count) => sum + count, 0);
        expect(stats.sent).toBe(sent.length);
        expect(stats.received).toBe(heard.length);
        expect(stats.received + lost).toBe(sent.length * (modems.length - 1));
        const recorded = modems.reduce((sum, { name }) => sum + air.airtime.totalMs(name), 0);
        expect(recorded).toBeCloseTo(stats.airtimeMs, 6);
        expect(recorded).toBeCloseTo(
          sent.reduce((sum, { startMs, endMs }) => sum + endMs - startMs, 0),
          6,
        );
      }),
    );
  });

  test("hears the same again with the same seed", () => {
    fc.assert(
      fc.property(places, traffic, seed, models, (where, frames, seedNumber, model) => {
        const once = () => {
          const { heard, air } = simulate(where, frames, { seed: seedNumber, frameLoss: 0.2, ...model });
          return { heard, stats: air.stats() };
        };
        expect(once()).toEqual(once());
      }),
      { numRuns: 30 },
    );
  });
});
