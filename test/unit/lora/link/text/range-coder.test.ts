import { expect, test } from "bun:test";
import fc from "fast-check";
import { OTHER_METHODS, RangeDecoder, RangeEncoder } from "../../../../../src/lora/link/text/range-coder.ts";

const steps = fc.array(
  fc.record({
    bit: fc.integer({ min: 0, max: 1 }),
    probability: fc.oneof(fc.integer({ min: 1, max: 4_095 }), fc.constantFrom(1, 4_095)),
  }),
  { maxLength: 600 },
);

const encoded = (all: { bit: number; probability: number }[]): Uint8Array => {
  const encoder = new RangeEncoder();
  for (const { bit, probability } of all) encoder.encode(bit, probability);
  return encoder.finish();
};

test("bits come back, whatever was expected of them", () => {
  fc.assert(
    fc.property(steps, (all) => {
      const decoder = new RangeDecoder(encoded(all));
      expect(all.map(({ probability }) => decoder.decode(probability))).toEqual(all.map(({ bit }) => bit));
    }),
    { numRuns: 500 },
  );
});

test("it takes the bits' information and one byte more at most", () => {
  fc.assert(
    fc.property(steps, (all) => {
      const bits = all.reduce(
        (sum, { bit, probability }) =>
          sum - Math.log2((bit === 1 ? probability : 4_096 - probability) / 4_096),
        0,
      );
      expect(encoded(all).length).toBeLessThanOrEqual(bits / 8 + 1.05);
    }),
  );
});

test("no result begins as other methods do", () => {
  fc.assert(
    fc.property(steps, (all) => {
      const [first, second = 0] = encoded(all);
      expect(first === 0xff && second >= OTHER_METHODS).toBe(false);
    }),
    { numRuns: 500 },
  );
  const unlikely = encoded(Array.from({ length: 40 }, () => ({ bit: 0, probability: 4_095 })));
  expect([unlikely[0], unlikely[1]]).toEqual([0xff, OTHER_METHODS - 1]);
});
