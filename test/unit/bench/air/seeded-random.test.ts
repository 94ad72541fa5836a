import { describe, expect, test } from "bun:test";
import {
  exponential,
  gaussian,
  seededRandom,
  seedOf,
  xoshiro128,
} from "../../../../src/bench/seeded-random.ts";

const take = (count: number, next: () => number): number[] => Array.from({ length: count }, next);
const mean = (numbers: readonly number[]): number => numbers.reduce((sum, x) => sum + x, 0) / numbers.length;

describe("seeded random numbers", () => {
  test("are those of xoshiro128**", () => {
    expect(take(10, xoshiro128([1, 2, 3, 4]))).toEqual([
      11520, 0, 5927040, 70819200, 2031721883, 1637235492, 1287239034, 3734860849, 3729100597, 4258142804,
    ]);
  });

  test("come out the same for the same seed and differ for any other", () => {
    const seeds = [0, 1, 2, -1, 2 ** 32, 2 ** 32 + 1, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER];
    const runs = seeds.map((seed) => take(5, seededRandom(seed)).join());
    expect(seeds.map((seed) => take(5, seededRandom(seed)).join())).toEqual(runs);
    expect(new Set(runs).size).toBe(seeds.length);
    expect(() => seededRandom(0.5)).toThrow("seed: 0.5 is not an integer");
  });

  test("lie evenly from 0 to 1", () => {
    const numbers = take(100_000, seededRandom(7));
    const counts = new Array<number>(10).fill(0);
    for (const x of numbers) counts[Math.floor(x * 10)] = (counts[Math.floor(x * 10)] ?? 0) + 1;
    expect(counts.length).toBe(10);
    for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(500);
  });

  test("have the mean and the deviation that their distribution has", () => {
    const random = seededRandom(3);
    const normal = take(50_000, () => gaussian(random));
    expect(mean(normal)).toBeCloseTo(0, 1);
    expect(mean(normal.map((x) => x * x))).toBeCloseTo(1, 1);
    const waits = take(50_000, () => exponential(random, 8));
    expect(Math.min(...waits)).toBeGreaterThanOrEqual(0);
    expect(Math.abs(mean(waits) - 8)).toBeLessThan(0.2);
  });

  test("give each name a seed of its own", () => {
    const names = take(5_000, () => 0).map((_, i) => `node ${i}`);
    expect(new Set(names.map((name) => seedOf(1, name))).size).toBe(names.length);
    expect(seedOf(1, "a")).toBe(seedOf(1, "a"));
    expect(seedOf(1, "a")).not.toBe(seedOf(2, "a"));
    expect(names.every((name) => Number.isSafeInteger(seedOf(9, name)))).toBe(true);
  });
});
