import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  decodeUpdateFrame,
  encodeUpdateFrame,
  MAX_UPDATE_FRAME_BYTES,
  type UpdateFrame,
  UpdateFrameError,
} from "../../../src/update/neighbours/update-frames.ts";

const id = fc.uint8Array({ minLength: 32, maxLength: 32 });
const size = fc.nat(4 * 1024 ** 3);
const text = fc.string({ maxLength: 60 });
const frame: fc.Arbitrary<UpdateFrame> = fc.oneof(
  fc.record({
    kind: fc.constant("has" as const),
    compatible: text,
    version: text,
    bundles: fc.array(fc.record({ id, bytes: size, compatible: text, version: text }), { maxLength: 4 }),
  }),
  fc.record({
    kind: fc.constant("read" as const),
    id,
    offset: size,
    length: fc.integer({ min: 1, max: 32_768 }),
  }),
  fc.record({ kind: fc.constant("data" as const), bytes: fc.uint8Array({ maxLength: 32_768 }) }),
  fc.record({ kind: fc.constant("refused" as const), reason: text }),
);

describe("frames of the exchange of bundles", () => {
  test("are read as they were written, and fit", () => {
    fc.assert(
      fc.property(frame, (one) => {
        const encoded = encodeUpdateFrame(one);
        expect(encoded.length).toBeLessThanOrEqual(MAX_UPDATE_FRAME_BYTES);
        expect(decodeUpdateFrame(encoded)).toEqual(one);
      }),
    );
  });

  test("of any bytes are read or refused, and nothing else happens", () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.uint8Array({ maxLength: 200 }), frame.map(encodeUpdateFrame)),
        fc.nat(),
        fc.nat(255),
        (bytes, at, value) => {
          const damaged = Uint8Array.from(bytes);
          if (damaged.length > 0) damaged[at % damaged.length] = value;
          try {
            decodeUpdateFrame(damaged);
          } catch (error) {
            expect(error).toBeInstanceOf(UpdateFrameError);
          }
        },
      ),
    );
  });

  test("that are longer than any of ours are not even looked at", () => {
    expect(() => decodeUpdateFrame(new Uint8Array(MAX_UPDATE_FRAME_BYTES + 1))).toThrow("too long");
  });
});
