import { expect, test } from "bun:test";
import fc from "fast-check";
import {
  decodeTold,
  encodeTold,
  MAX_HOPS,
  MAX_TIME_FRAME_BYTES,
  TimeFrameError,
} from "../../../src/time/time-frames.ts";

const told = fc.record({
  wallMs: fc.integer({ min: 0, max: 9e12 }),
  uncertaintyMs: fc.integer({ min: 0, max: 0xffff_ffff }),
  hops: fc.integer({ min: 0, max: MAX_HOPS }),
});

test("what a box tells of the time comes as it was told", () => {
  fc.assert(
    fc.property(told, (one) => {
      const frame = encodeTold(one);
      expect(frame.length).toBeLessThanOrEqual(MAX_TIME_FRAME_BYTES);
      expect(decodeTold(Uint8Array.from(frame))).toEqual(one);
    }),
  );
  expect(decodeTold(encodeTold(undefined))).toBeUndefined();
});

test("a part of a millisecond makes nobody surer than they are", () => {
  expect(decodeTold(encodeTold({ wallMs: 1.6, uncertaintyMs: 1.1, hops: 0 }))).toEqual({
    wallMs: 2,
    uncertaintyMs: 2,
    hops: 0,
  });
  expect(decodeTold(encodeTold({ wallMs: 1, uncertaintyMs: 1e12, hops: 0 }))?.uncertaintyMs).toBe(
    0xffff_ffff,
  );
});

test("any other bytes are refused by name, or are a time that can be", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 20 }), (bytes) => {
      try {
        const one = decodeTold(bytes);
        if (bytes.length > 0) expect(Number.isSafeInteger(one?.wallMs)).toBe(true);
      } catch (error) {
        expect(error).toBeInstanceOf(TimeFrameError);
      }
    }),
  );
});
