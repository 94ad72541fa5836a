import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  decodeServiceFrame,
  encodeServiceFrame,
  MAX_DATA_BYTES,
  MAX_SERVICE_FRAME_BYTES,
  ServiceFrameError,
} from "../../../../src/gateway/far-services/service-frames.ts";

const frames = fc.oneof(
  fc.record({ kind: fc.constant("ask" as const), port: fc.nat({ max: 65_535 }) }),
  fc.record({
    kind: fc.constant("data" as const),
    bytes: fc.uint8Array({ minLength: 1, maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
  }),
  fc.record({ kind: fc.constant("taken" as const), bytes: fc.nat({ max: 2 ** 32 - 1 }) }),
  fc.constant({ kind: "end" as const }),
);

describe("the frames of a service's stream", () => {
  test("come back as they were", () => {
    fc.assert(
      fc.property(frames, (frame) => {
        expect(decodeServiceFrame(encodeServiceFrame(frame))).toEqual(frame);
      }),
    );
  });

  test("are refused where they are none, and nothing else happens", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 12 }), (bytes) => {
        try {
          expect(Buffer.from(encodeServiceFrame(decodeServiceFrame(bytes)))).toEqual(Buffer.from(bytes));
        } catch (error) {
          expect(error).toBeInstanceOf(ServiceFrameError);
        }
      }),
    );
  });

  test("hold so much data and no more", () => {
    const most = encodeServiceFrame({ kind: "data", bytes: new Uint8Array(MAX_DATA_BYTES) });
    expect(most).toHaveLength(MAX_SERVICE_FRAME_BYTES);
    expect(decodeServiceFrame(most).kind).toBe("data");
    const more = encodeServiceFrame({ kind: "data", bytes: new Uint8Array(MAX_DATA_BYTES + 1) });
    expect(() => decodeServiceFrame(more)).toThrow(ServiceFrameError);
  });
});
