import { describe, expect, test } from "bun:test";
import { suburban } from "../../../../src/bench/air/path-loss.ts";
import { exponential, seededRandom } from "../../../../src/bench/seeded-random.ts";
import { PRESETS } from "../../../../src/lora/modulation.ts";
import { bytes, channel, onAir } from "./on-air.ts";

/** Senders that do not listen, each with frames of a random length at random times, for an hour. */
function busyHour(seed: number, senders: number, meanGapMs: number) {
  const random = seededRandom(seed);
  const places = Object.fromEntries(
    Array.from({ length: senders }, (_, i) => [`${i}`, { x: random() * 800, y: random() * 800 }]),
  );
  const world = onAir(places, {
    seed,
    pathLoss: suburban({ shadowingDb: 6 }),
    frameLoss: 0.1,
    settings: channel(PRESETS.ShortTurbo),
  });
  const { time, air } = world;
  for (const modem of Object.values(world.modems)) {
    const next = () => {
      time.after(exponential(random, meanGapMs), () => {
        modem.transmit(bytes(1 + Math.floor(random() * 255)), next);
      });
    };
    next();
  }
  time.advance(3_600_000);
  return { stats: air.stats(), heard: Object.values(world.heard).map((frames) => frames.length), air };
}

describe("an hour of 30 senders that fill a ShortTurbo channel twice over", () => {
  test("runs in seconds and comes out the same with the same seed only", () => {
    const startedMs = performance.now();
    const { stats, heard, air } = busyHour(11, 30, 700);
    // About one second; the limit leaves room for machines that do much else.
    expect(performance.now() - startedMs).toBeLessThan(20_000);
    expect(stats.airtimeMs).toBeGreaterThan(2 * 3_600_000);
    expect(stats.sent).toBeGreaterThan(100_000);
    expect(stats.received).toBeGreaterThan(10_000);
    expect(stats.lost.collision).toBeGreaterThan(stats.received);
    expect(air.airtime.mostInWindowMs("0", 3_600_000)).toBeCloseTo(air.airtime.totalMs("0"), 0);

    const short = (seed: number) => {
      const run = busyHour(seed, 12, 20_000);
      return { stats: run.stats, heard: run.heard };
    };
    expect(short(11)).toEqual(short(11));
    expect(short(11)).not.toEqual(short(12));
    expect(heard.reduce((sum, count) => sum + count, 0)).toBe(stats.received);
  }, 60_000);
});
