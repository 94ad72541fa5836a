import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { encodeCbor } from "../../../../src/identity/cbor.ts";
import { RANKS } from "../../../../src/messages/sync/rank.ts";
import type { Range } from "../../../../src/messages/sync/reconcile.ts";
import {
  decodeFrame,
  encodeFrame,
  MAX_FRAME_IDS,
  MAX_SYNC_FRAME_BYTES,
  type SyncFrame,
  SyncFrameError,
} from "../../../../src/messages/sync/sync-frame.ts";
import { idNumber } from "./id-sets.ts";

const hex = (text: string) => Uint8Array.from(Buffer.from(text, "hex"));
const id = fc.nat(1_000).map(idNumber);
const ids = fc.array(id, { maxLength: 30 });
const rank = fc.constantFrom(...RANKS);
const upTo = fc.option(
  fc.uint8Array({ minLength: 1, maxLength: 12 }).map((bytes) => Buffer.from(bytes).toString("hex")),
  { nil: undefined },
);
const range: fc.Arbitrary<Range> = fc.oneof(
  fc.record({ upTo, says: fc.constant("same" as const) }),
  fc.record({
    upTo,
    says: fc.constant("digest" as const),
    digest: fc.uint8Array({ minLength: 16, maxLength: 16 }),
  }),
  fc.record({ upTo, says: fc.constant("all" as const), ids }),
  fc.record({ upTo, says: fc.constant("differs" as const), lacks: ids, has: ids }),
);
const frame: fc.Arbitrary<SyncFrame> = fc.oneof(
  fc.record({ says: fc.constant("hello" as const), version: fc.constant(1), takesLarge: fc.boolean() }),
  fc.record({
    says: fc.constantFrom("compare" as const, "compared" as const),
    rank,
    ranges: fc.array(range, { maxLength: 20 }),
  }),
  fc.record({ says: fc.constant("offer" as const), rank, ids }),
  fc.record({ says: fc.constantFrom("want" as const, "not-here" as const), ids }),
  fc.record({
    says: fc.constant("bundle" as const),
    id,
    ageMs: fc.nat(2 ** 31),
    encoded: fc.uint8Array({ maxLength: 200 }),
  }),
  fc.record({
    says: fc.constant("taken" as const),
    outcome: fc.constantFrom(
      "new" as const,
      "known" as const,
      "later" as const,
      "full" as const,
      "blocked" as const,
    ),
    ids,
  }),
);

describe("a frame", () => {
  test("is what was encoded when it is decoded", () => {
    fc.assert(fc.property(frame, (one) => expect(decodeFrame(encodeFrame(one))).toEqual(one)));
  });

  test("has the bytes that other boxes know", () => {
    const vectors: [SyncFrame, string][] = [
      [{ says: "hello", version: 1, takesLarge: true }, "83000101"],
      [
        {
          says: "compare",
          rank: "sos",
          ranges: [
            { upTo: "7f", says: "same" },
            { upTo: undefined, says: "digest", digest: hex("000102030405060708090a0b0c0d0e0f") },
          ],
        },
        "870100417f00400150000102030405060708090a0b0c0d0e0f",
      ],
      [
        { says: "offer", rank: "large", ids: ["0102030405060708090a0b0c"] },
        "8303054c0102030405060708090a0b0c",
      ],
      [
        { says: "bundle", id: "0102030405060708090a0b0c", ageMs: 1_000, encoded: hex("ffee") },
        "84054c0102030405060708090a0b0c1903e842ffee",
      ],
      [
        { says: "taken", outcome: "quota", ids: ["0102030405060708090a0b0c"] },
        "8306054c0102030405060708090a0b0c",
      ],
    ];
    for (const [one, bytes] of vectors) {
      expect(Buffer.from(encodeFrame(one)).toString("hex")).toBe(bytes);
      expect(decodeFrame(hex(bytes))).toEqual(one);
    }
  });

  test("of a later version may greet with more than is known here", () => {
    expect(decodeFrame(encodeCbor([0, 2, 1, "what is not known yet", 7]))).toEqual({
      says: "hello",
      version: 2,
      takesLarge: true,
    });
    expect(() => decodeFrame(encodeCbor([0, 1, 1, 7]))).toThrow("frame: has 1 elements too many");
  });

  test("is refused with the field's name where it says what it may not", () => {
    const cases: [Uint8Array, string][] = [
      [encodeCbor([]), "frame.says: is missing"],
      [encodeCbor([99]), "frame.says: 99 is not known here"],
      [encodeCbor([0, 0, 1]), "frame.version: is 0"],
      [encodeCbor([3, 6, new Uint8Array(12)]), "frame.rank: 6 is not known here"],
      [encodeCbor([4, new Uint8Array(13)]), "frame.ids: does not end with an id"],
      [encodeCbor([4, new Uint8Array(12 * (MAX_FRAME_IDS + 1))]), "frame.ids: 6156 bytes, not 0 to 6144"],
      [encodeCbor([1, 0, new Uint8Array(13), 0]), "frame.upTo: 13 bytes, not 0 to 12"],
      [encodeCbor([1, 0, new Uint8Array(1), 1, new Uint8Array(8)]), "frame.digest: 8 bytes, not 16"],
      [encodeCbor([5, new Uint8Array(12), 1, "text"]), "frame.encoded: is no byte string"],
      [encodeCbor([6, 9, new Uint8Array(12)]), "frame.outcome: 9 is not known here"],
      [new Uint8Array(MAX_SYNC_FRAME_BYTES + 1), `frame: 98305 bytes, more than ${MAX_SYNC_FRAME_BYTES}`],
    ];
    for (const [bytes, message] of cases) expect(() => decodeFrame(bytes)).toThrow(message);
  });

  test("of any bytes at all is decoded or refused, and nothing else", () => {
    const broken = fc.tuple(frame, fc.nat(), fc.nat(255)).map(([one, at, byte]) => {
      const bytes = encodeFrame(one);
      bytes[at % bytes.length] = byte;
      return bytes;
    });
    const cut = fc.tuple(frame, fc.nat()).map(([one, at]) => {
      const bytes = encodeFrame(one);
      return bytes.subarray(0, at % bytes.length);
    });
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 300 }), broken, cut), (bytes) => {
        try {
          // What is taken has one form.
          const decoded = decodeFrame(bytes);
          if (decoded.says !== "hello") expect(encodeFrame(decoded)).toEqual(Uint8Array.from(bytes));
        } catch (error) {
          expect(error).toBeInstanceOf(SyncFrameError);
        }
      }),
      { numRuns: 5_000 },
    );
  });
});
