import { expect, test } from "bun:test";
import fc from "fast-check";
import {
  decodeAges,
  encodeAges,
  MAX_COMPARED,
  MAX_COMPARED_BYTES,
} from "../../../../src/gateway/roaming/compared-ages.ts";

const tag = fc.uint8Array({ minLength: 8, maxLength: 8 }).map((bytes) => Buffer.from(bytes).toString("hex"));

test("ages come out beside their tags as they were put in", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(tag, fc.integer({ min: 0, max: 2 ** 32 - 1 }))), (all) => {
      const ages = new Map(all);
      expect(decodeAges(encodeAges(ages))).toEqual(ages);
    }),
  );
});

test("a frame is a list of ages, or it is refused", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (frame) => {
      if (frame.length % 12 !== 0) expect(() => decodeAges(frame)).toThrow("bytes of ages");
      else expect(decodeAges(frame).size).toBeLessThanOrEqual(frame.length / 12);
    }),
  );
  expect(() => decodeAges(new Uint8Array(MAX_COMPARED_BYTES + 12))).toThrow("bytes of ages");
});

test("no more are named than a frame may hold", () => {
  const many = new Map(
    Array.from({ length: MAX_COMPARED + 5 }, (_, at) => [at.toString(16).padStart(16, "0"), at]),
  );
  expect(decodeAges(encodeAges(many)).size).toBe(MAX_COMPARED);
});
