import { describe, expect, test } from "bun:test";
import { encode } from "cborg";
import fc from "fast-check";
import {
  decodeLeaseAsk,
  encodeLeaseAsk,
  type LeaseAsk,
  LeaseRequestError,
  MAX_ASK_BYTES,
  openSealedAsk,
  sealLeaseAsk,
} from "../../../../src/vm/request/index.ts";
import { hex } from "./fixed-request.ts";

const bytes = (minLength: number, maxLength: number) => fc.uint8Array({ minLength, maxLength });
const asks: fc.Arbitrary<LeaseAsk> = fc.oneof(
  fc.record({
    kind: fc.constant("request" as const),
    bytes: bytes(1, 4_096),
    chain: fc.option(bytes(1, 2_048), { nil: undefined }),
  }),
  fc.record({ kind: fc.constant("command" as const), bytes: bytes(1, 2_048) }),
  fc.record({
    kind: fc.constant("offer" as const),
    bytes: bytes(1, 1_280),
    chain: fc.option(bytes(1, 2_048), { nil: undefined }),
  }),
  fc.constant({ kind: "who" as const }),
  fc.record({ kind: fc.constant("events" as const), lease: bytes(16, 16).map(hex) }),
);

function problemOf(encoded: Uint8Array): string {
  try {
    decodeLeaseAsk(encoded);
  } catch (error) {
    if (error instanceof LeaseRequestError) return error.message;
    throw error;
  }
  return "it was taken";
}

describe("what is asked of a box", () => {
  test("is read as it was written, and is no longer than it may be", () => {
    fc.assert(
      fc.property(asks, (ask) => {
        const encoded = encodeLeaseAsk(ask);
        expect(encoded.length).toBeLessThanOrEqual(MAX_ASK_BYTES);
        expect(decodeLeaseAsk(encoded)).toEqual(ask);
      }),
    );
  });

  test("has bytes that must not change", () => {
    const lease = "00112233445566778899aabbccddeeff";
    expect(hex(encodeLeaseAsk({ kind: "events", lease }))).toBe("8401035000112233445566778899aabbccddeeff40");
    const ask = { kind: "request", bytes: Uint8Array.of(1, 2), chain: Uint8Array.of(3) } as const;
    expect(hex(encodeLeaseAsk(ask))).toBe("84010142010241" + "03");
  });

  test.each<[string, unknown[], string]>([
    ["another version", [2, 1, Uint8Array.of(1), new Uint8Array(0)], "ask.version: is not 1"],
    ["another kind", [1, 9, Uint8Array.of(1), new Uint8Array(0)], "ask.kind: 9 is not known here"],
    ["nothing in it", [1, 1, new Uint8Array(0), new Uint8Array(0)], "ask.what: 0 bytes, not 1 to 4096"],
    ["a longer command", [1, 2, new Uint8Array(2_049), new Uint8Array(0)], "ask.what: has more than 2048"],
    ["certificates in a command", [1, 2, Uint8Array.of(1), Uint8Array.of(1)], "ask.chain: is for requests"],
    ["a shorter id", [1, 3, new Uint8Array(15), new Uint8Array(0)], "ask.what: is no lease's id"],
    ["something in a question", [1, 5, Uint8Array.of(1), new Uint8Array(0)], "ask.what: 1 bytes, not 0"],
    ["too many elements", [1, 3, new Uint8Array(16), new Uint8Array(0), 1], "ask: has 1 elements too many"],
    ["too few", [1, 3, new Uint8Array(16)], "ask.chain: is missing"],
  ])("is refused with %s", (_, elements, words) => {
    expect(problemOf(Uint8Array.from(encode(elements)))).toStartWith(words);
  });

  test("of whatever bytes is refused with a field named, or means what its one form says", () => {
    const check = (given: Uint8Array) => {
      try {
        expect(hex(encodeLeaseAsk(decodeLeaseAsk(given)))).toBe(hex(given));
      } catch (error) {
        expect(error).toBeInstanceOf(LeaseRequestError);
        if (error instanceof LeaseRequestError) expect(error.field).toStartWith("ask");
      }
    };
    const element = fc.oneof(fc.uint8Array({ maxLength: 40 }), fc.nat(9), fc.string(), fc.constant(null));
    const arrays = fc.array(element, { maxLength: 6 }).map((elements) => Uint8Array.from(encode(elements)));
    fc.assert(fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), arrays), check), { numRuns: 1_500 });
  });
});

describe("an ask that is sealed", () => {
  const [key, other] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)];
  let count = 0;
  const random = (length: number) => {
    count += 1;
    return Uint8Array.from({ length }, (_, index) => (index === 0 ? count : 7));
  };
  const said = Buffer.from("what nobody else may read");
  const text = (piece: Uint8Array | undefined) => piece && Buffer.from(piece).toString();

  test("is read by who has the key, whichever of several it is, and by nobody else", () => {
    const { sealed } = sealLeaseAsk(said, key, random);
    expect(text(openSealedAsk(sealed, [other, key], random)?.ask)).toBe(said.toString());
    expect(openSealedAsk(sealed, [other], random)).toBeUndefined();
    expect(openSealedAsk(sealed, [], random)).toBeUndefined();
    expect(Buffer.from(sealed).includes(said)).toBe(false);
  });

  test("is refused with one bit changed in whatever byte, cut off anywhere, and with a byte too many", () => {
    const { sealed } = sealLeaseAsk(said, key, random);
    for (let index = 0; index < sealed.length; index += 1) {
      const copy = Uint8Array.from(sealed);
      copy[index] = (copy[index] ?? 0) ^ (1 << (index & 7));
      expect(openSealedAsk(copy, [key], random)).toBeUndefined();
      expect(openSealedAsk(sealed.subarray(0, index), [key], random)).toBeUndefined();
    }
    expect(openSealedAsk(Uint8Array.from([...sealed, 0]), [key], random)).toBeUndefined();
  });

  test("is answered piece by piece: another order, a piece left out or another's answer is noticed", () => {
    const asked = sealLeaseAsk(said, key, random);
    const box = () => openSealedAsk(asked.sealed, [key], random)?.answers;
    const [first, second] = [box(), box()];
    const pieces = ["a", "b", "c"].map((piece) => first?.seal(Buffer.from(piece)) ?? new Uint8Array(0));
    const reader = () => sealedAgain(asked.sealed);
    const inOrder = reader();
    expect(pieces.map((piece) => text(inOrder?.open(piece)))).toEqual(["a", "b", "c"]);
    expect(reader()?.open(pieces[1] ?? new Uint8Array(0))).toBeUndefined();
    const fresh = sealLeaseAsk(said, key, random);
    expect(fresh.answers.open(pieces[0] ?? new Uint8Array(0))).toBeUndefined();
    // Shown again, the same ask is answered with other bytes, though the same is said.
    expect(Buffer.from(second?.seal(Buffer.from("a")) ?? []).equals(pieces[0] ?? new Uint8Array(0))).toBe(
      false,
    );
  });

  /** Who asked reads with the same key as who answers. */
  const sealedAgain = (sealed: Uint8Array) => openSealedAsk(sealed, [key], random)?.answers;

  test("of whatever bytes is none", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (given) => {
        expect(openSealedAsk(given, [key], random)).toBeUndefined();
        expect(sealLeaseAsk(said, key, random).answers.open(given)).toBeUndefined();
      }),
    );
  });
});
