import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { encodeCbor } from "../../../../src/identity/cbor.ts";
import { asStale } from "../../../../src/messages/sealed/conversation.ts";
import {
  decodeConversation,
  encodeConversation,
} from "../../../../src/messages/sealed/conversation-codec.ts";
import { decodePrekeys, encodePrekeys } from "../../../../src/messages/sealed/prekeys.ts";
import {
  decodeSealedBody,
  encodeSealedBody,
  MAX_IMAGE_BYTES,
  MAX_TEXT_CHARS,
  type SealedBody,
} from "../../../../src/messages/sealed/sealed-body.ts";
import { SealedError } from "../../../../src/messages/sealed/sealed-error.ts";
import { decodeSealed, encodeSealed } from "../../../../src/messages/sealed/sealed-form.ts";
import { Writer } from "./writer.ts";

const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 });
const uint32 = fc.nat(2 ** 32 - 1);
const id = fc.uint8Array({ minLength: 12, maxLength: 12 }).map((bytes) => Buffer.from(bytes).toString("hex"));
const sealed = fc.record({
  header: fc
    .tuple(
      bytes32,
      uint32,
      uint32,
      fc.option(fc.record({ prekeyNumber: uint32, ephemeral: bytes32, begunS: uint32 })),
    )
    .map(([ratchetKey, previousLength, number, beginning]) => ({
      ...{ ratchetKey, previousLength, number },
      ...(beginning === null ? {} : { beginning }),
    })),
  box: fc.uint8Array({ minLength: 16, maxLength: 300 }),
});

/** Any bytes, and valid ones with one byte changed or the end cut off. */
function damaged(valid: Uint8Array): fc.Arbitrary<Uint8Array> {
  const changed = fc.tuple(fc.nat(valid.length - 1), fc.integer({ min: 1, max: 255 })).map(([at, bits]) => {
    const copy = Uint8Array.from(valid);
    copy[at] = (copy[at] ?? 0) ^ bits;
    return copy;
  });
  const cut = fc.nat(valid.length - 1).map((end) => valid.subarray(0, end));
  return fc.oneof(fc.uint8Array({ maxLength: 400 }), changed, cut);
}

/** Whatever it makes of the bytes: a value, or its own error. */
function ownErrors(read: () => unknown): void {
  try {
    read();
  } catch (error) {
    expect(error).toBeInstanceOf(SealedError);
  }
}

describe("the form of a sealed message", () => {
  test("is read as it was written, and written as it was read", () => {
    fc.assert(
      fc.property(sealed, (message) => {
        const bytes = encodeSealed(message);
        expect(decodeSealed(bytes)).toEqual(message);
      }),
    );
  });

  test("has no second way to say the same", () => {
    fc.assert(
      fc.property(
        sealed.chain((message) => damaged(encodeSealed(message))),
        (bytes) => {
          ownErrors(() => expect(encodeSealed(decodeSealed(bytes))).toEqual(Uint8Array.from(bytes)));
        },
      ),
    );
  });
});

describe("what is in it", () => {
  const bodies: SealedBody[] = [
    { kind: "text", text: "Hello", replyTo: "0123456789abcdef01234567" },
    { kind: "photo", image: Uint8Array.of(0xff, 0xd8, 0xff, 1), text: "the bridge" },
    { kind: "read", of: ["0123456789abcdef01234567"] },
    { kind: "renew" },
  ];

  test.each(bodies.map((body) => [body.kind, body] as const))("is read as it was written: %s", (_, body) => {
    expect(decodeSealedBody(encodeSealedBody(body))).toEqual(body);
  });

  test("may be any text that people write, and becomes tidy", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", maxLength: 300 }), (text) => {
        ownErrors(() => {
          const read = decodeSealedBody(encodeSealedBody({ kind: "text", text }));
          expect(encodeSealedBody(read)).toEqual(encodeSealedBody({ kind: "text", text }));
        });
      }),
    );
  });

  test("has a length in steps", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: MAX_TEXT_CHARS }), (length) => {
        const padded = encodeSealedBody({ kind: "text", text: "x".repeat(length) }).length;
        expect(padded % (padded <= 192 ? 16 : padded <= 1_024 ? 64 : 1_024)).toBe(0);
        expect(padded - length).toBeLessThan(length < 180 ? 22 : length < 900 ? 70 : 1_030);
      }),
    );
  });

  test.each<[string, SealedBody]>([
    ["an empty text", { kind: "text", text: " \n " }],
    ["a text that is too long", { kind: "text", text: "x".repeat(MAX_TEXT_CHARS + 1) }],
    ["a photo that is none", { kind: "photo", image: Buffer.from("<script>"), text: "" }],
    [
      "a photo that is too long",
      { kind: "photo", image: Uint8Array.of(0xff, 0xd8, 0xff, ...new Uint8Array(MAX_IMAGE_BYTES)), text: "" },
    ],
    ["an id that is none", { kind: "read", of: ["0123"] }],
    ["no ids", { kind: "read", of: [] }],
    ["too many ids", { kind: "read", of: Array(33).fill("0".repeat(24)) }],
  ])("is not %s", (_, body) => {
    expect(() => encodeSealedBody(body)).toThrow(SealedError);
  });

  test.each<[string, Uint8Array]>([
    ["nothing", new Uint8Array(0)],
    ["zeros", new Uint8Array(16)],
    ["padding alone", Uint8Array.of(0x80, 0)],
    ["a kind that is not known", Uint8Array.of(...encodeCbor([9]), 0x80)],
    ["more than belongs", Uint8Array.of(...encodeCbor([3, 1]), 0x80)],
    ["a piece of an id", Uint8Array.of(...encodeCbor([2, new Uint8Array(13)]), 0x80)],
  ])("is not %s", (_, bytes) => {
    expect(() => decodeSealedBody(bytes)).toThrow(SealedError);
  });

  test("of garbage is its own error", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...bodies).chain((body) => damaged(encodeSealedBody(body))),
        (bytes) => {
          ownErrors(() => decodeSealedBody(bytes));
        },
      ),
    );
  });

  test("of any id is read", () => {
    fc.assert(
      fc.property(fc.array(id, { minLength: 1, maxLength: 32 }), (of) => {
        expect(decodeSealedBody(encodeSealedBody({ kind: "read", of }))).toEqual({ kind: "read", of });
      }),
    );
  });
});

describe("what a device keeps", () => {
  function kept(): Writer {
    const [anna, ben] = [new Writer(1), new Writer(2)];
    ben.hear(anna, anna.say(ben, "Hello"));
    anna.hear(ben, ben.say(anna, "Hello"));
    anna.say(ben, "lost on the way");
    ben.hear(anna, anna.say(ben, "after it"));
    ben.becomeStale();
    ben.say(anna, "from a new session");
    ben.rotate();
    return ben;
  }

  test("is read as it was written", () => {
    const { conversation, prekeys } = kept();
    expect(conversation.sessions.map(({ skipped }) => skipped.length)).toEqual([0, 1]);
    for (const some of [conversation, asStale(conversation)])
      expect(decodeConversation(encodeConversation(some))).toEqual(some);
    expect(decodePrekeys(encodePrekeys(prekeys))).toEqual(prekeys);
  });

  test("of garbage is its own error", () => {
    const { conversation, prekeys } = kept();
    fc.assert(
      fc.property(damaged(encodeConversation(conversation)), damaged(encodePrekeys(prekeys)), (a, b) => {
        ownErrors(() => decodeConversation(a));
        ownErrors(() => decodePrekeys(b));
      }),
    );
  });
});

describe("a recipient", () => {
  test("of garbage changes nothing, and has its own error", () => {
    const [anna, ben] = [new Writer(1), new Writer(2)];
    ben.hear(anna, anna.say(ben, "Hello"));
    const letter = anna.say(ben, "Hello again");
    fc.assert(
      fc.property(fc.oneof(damaged(letter.sealed), sealed.map(encodeSealed)), (bytes) => {
        const before = ben.conversation;
        expect(["malformed", "lost", "repeated"]).toContain(
          ben.tryToHear(anna, { ...letter, sealed: bytes }),
        );
        expect(ben.conversation).toBe(before);
      }),
    );
    expect(ben.hear(anna, letter)).toBe("Hello again");
  });
});
