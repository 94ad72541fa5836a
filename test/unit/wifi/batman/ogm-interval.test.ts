import { expect, test } from "bun:test";
import fc from "fast-check";
import { ogmIntervalMs } from "../../../../src/wifi/batman/ogm-interval.ts";

test("three boxes send ten messages a second", () => {
  expect(ogmIntervalMs(3, 100)).toBe(100);
});

test("ten boxes send three a second", () => {
  expect(ogmIntervalMs(10, 100)).toBe(334);
});

test("no mesh is so large that a box sends less than once a second", () => {
  expect(ogmIntervalMs(500, 100)).toBe(1_000);
});

test("one box more or less does not change what is about right", () => {
  const ten = ogmIntervalMs(10, 100);
  expect(ogmIntervalMs(11, ten)).toBe(ten);
  expect(ogmIntervalMs(9, ten)).toBe(ten);
});

test("a mesh that has shrunk to three is as fast as one that never was larger", () => {
  expect(ogmIntervalMs(3, 110)).toBe(100);
});

test("what passes a box in a second stays within thirty-eight messages up to thirty boxes", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 20 }), (sizes) => {
      let intervalMs = 100;
      for (const nodes of sizes) intervalMs = ogmIntervalMs(nodes, intervalMs);
      expect(((sizes.at(-1) ?? 1) * 1_000) / intervalMs).toBeLessThanOrEqual(30 * 1.25 + 0.01);
    }),
  );
});
