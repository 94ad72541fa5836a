import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { bandShare, sameSignal, weightOf } from "../../../../src/bench/air/interference.ts";
import {
  BUILT_UP,
  FREE_SPACE,
  freeSpaceLossDb,
  pairShadowingDb,
  pathLossDb,
  suburban,
} from "../../../../src/bench/air/path-loss.ts";
import { noiseFloorDbm, sensitivityDbm, snrLimitDb } from "../../../../src/bench/air/sensitivity.ts";
import { PRESETS } from "../../../../src/lora/modulation.ts";
import { channel } from "./on-air.ts";

const FREQUENCY_HZ = 868_000_000;

describe("path loss", () => {
  test("is Friis' in free space: 91.2 dB over a kilometre at 868 MHz", () => {
    expect(freeSpaceLossDb(1_000, FREQUENCY_HZ)).toBeCloseTo(91.22, 1);
    expect(pathLossDb(FREE_SPACE, 1_000, FREQUENCY_HZ, 0)).toBeCloseTo(91.22, 1);
  });

  test("is LoRaSim's at its reference distance, and 20.8 dB more at ten times that", () => {
    expect(pathLossDb(BUILT_UP, 40, FREQUENCY_HZ, 0)).toBeCloseTo(127.41, 6);
    expect(pathLossDb(BUILT_UP, 400, FREQUENCY_HZ, 0)).toBeCloseTo(148.21, 6);
  });

  test("is the 3GPP suburban macro model's by default", () => {
    // 44.9 log10(d/km) + 45.5 + 34.36 log10(f/MHz) + 0.7 for antennas at 1 m.
    const model = suburban({ frequencyHz: FREQUENCY_HZ });
    expect(pathLossDb(model, 1_000, FREQUENCY_HZ, 0)).toBeCloseTo(147.17, 1);
    expect(pathLossDb(model, 10_000, FREQUENCY_HZ, 0)).toBeCloseTo(192.07, 1);
    const higher = suburban({ frequencyHz: FREQUENCY_HZ, antennaHeightM: 10 });
    expect(pathLossDb(higher, 1_000, FREQUENCY_HZ, 0)).toBeLessThan(127);
  });

  test("grows with distance and is never less than in free space", () => {
    const distance = fc.double({ min: 0, max: 50_000, noNaN: true });
    const shadowing = fc.double({ min: -30, max: 30, noNaN: true });
    fc.assert(
      fc.property(distance, distance, shadowing, (a, b, shadowingDb) => {
        const [near, far] = a < b ? [a, b] : [b, a];
        for (const model of [BUILT_UP, FREE_SPACE, suburban()]) {
          const nearDb = pathLossDb(model, near, FREQUENCY_HZ, shadowingDb);
          expect(nearDb).toBeLessThanOrEqual(pathLossDb(model, far, FREQUENCY_HZ, shadowingDb));
          expect(nearDb).toBeGreaterThanOrEqual(freeSpaceLossDb(Math.max(1, near), FREQUENCY_HZ));
        }
      }),
    );
  });

  test("is shadowed the same both ways, by pair and by seed, with the deviation that is set", () => {
    expect(pairShadowingDb(BUILT_UP, 1, "a", "b")).toBe(pairShadowingDb(BUILT_UP, 1, "b", "a"));
    expect(pairShadowingDb(BUILT_UP, 1, "a", "b")).not.toBe(pairShadowingDb(BUILT_UP, 1, "a", "c"));
    expect(pairShadowingDb(BUILT_UP, 1, "a", "b")).not.toBe(pairShadowingDb(BUILT_UP, 2, "a", "b"));
    expect(pairShadowingDb(FREE_SPACE, 1, "a", "b")).toBe(0);
    const many = Array.from({ length: 5_000 }, (_, i) => pairShadowingDb(BUILT_UP, 4, "hub", `node ${i}`));
    const mean = many.reduce((sum, x) => sum + x, 0) / many.length;
    const deviation = Math.sqrt(many.reduce((sum, x) => sum + (x - mean) ** 2, 0) / many.length);
    expect(Math.abs(mean)).toBeLessThan(0.2);
    expect(Math.abs(deviation - 3.57)).toBeLessThan(0.15);
  });
});

describe("sensitivity", () => {
  test("is the SX1261/2 datasheet's table to half a decibel, and to two at 500 kHz", () => {
    // Section 3.5.2, boosted gain: bandwidth in Hz, spreading factor, dBm, and how far we may be off it.
    const table = [
      [125_000, 7, -124, 0.5],
      [125_000, 12, -137, 0.5],
      [250_000, 7, -121, 0.5],
      [250_000, 12, -134, 0.5],
      [500_000, 7, -117, 2],
      [500_000, 12, -129, 2],
    ] as const;
    for (const [bandwidthHz, spreadingFactor, dbm, offDb] of table) {
      const ours = sensitivityDbm({ bandwidthHz, spreadingFactor }, 6);
      expect(Math.abs(ours - dbm)).toBeLessThanOrEqual(offDb + 0.05);
    }
  });

  test("falls by 2.5 dB with each spreading factor and by 3 dB with each half of the bandwidth", () => {
    for (let spreadingFactor = 6; spreadingFactor <= 12; spreadingFactor++) {
      expect(snrLimitDb(spreadingFactor) - snrLimitDb(spreadingFactor - 1)).toBe(-2.5);
    }
    expect(noiseFloorDbm(250_000, 6) - noiseFloorDbm(125_000, 6)).toBeCloseTo(3.01, 2);
    expect(() => snrLimitDb(13)).toThrow("spreadingFactor: 13 is not one of 5 to 12");
  });
});

describe("interference", () => {
  const at = (offsetHz: number, modulation: (typeof PRESETS)[keyof typeof PRESETS] = PRESETS.LongFast) =>
    channel(modulation, { frequencyHz: 869_525_000 + offsetHz });

  test("counts four times for the same signal, up to a quarter of the bandwidth off", () => {
    expect(sameSignal(at(0), at(62_500))).toBe(true);
    expect(sameSignal(at(0), at(62_501))).toBe(false);
    expect(10 * Math.log10(weightOf(at(0), at(0)))).toBeCloseTo(6, 9);
  });

  test("counts by the share of the band that it falls into where the signal is another", () => {
    expect(bandShare(at(0), at(125_000))).toBeCloseTo(0.5, 9);
    expect(bandShare(at(0), at(0, PRESETS.ShortTurbo))).toBeCloseTo(0.5, 9);
    expect(bandShare(at(0, PRESETS.ShortTurbo), at(0))).toBe(1);
    expect(10 * Math.log10(weightOf(at(0), at(0, PRESETS.MediumFast)))).toBeCloseTo(-20, 9);
    expect(10 * Math.log10(weightOf(at(0, PRESETS.MediumFast), at(0)))).toBeCloseTo(-13, 9);
  });

  test("is none from outside the band", () => {
    expect(weightOf(at(0), at(250_000))).toBe(0);
    expect(weightOf(at(0), at(-300_000, PRESETS.MediumFast))).toBe(0);
  });
});
