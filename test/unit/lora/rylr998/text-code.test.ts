import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  fromData,
  MAX_OVERHEAD_BYTES,
  MAX_PAYLOAD_BYTES,
  toData,
} from "../../../../src/lora/rylr998/packet.ts";
import { bytesThatFit, fromText, textLength, toText } from "../../../../src/lora/rylr998/text-code.ts";

const latin = (text: string): Uint8Array => Uint8Array.from(text, (character) => character.charCodeAt(0));

describe("bytes as text", () => {
  test("come out as they went in, from printable characters without a space", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 195 }), (payload) => {
        const text = toText(payload);
        expect(text).toMatch(/^[!-~]*$/);
        expect(text.length).toBe(textLength(payload.length));
        expect(bytesThatFit(text.length)).toBe(payload.length);
        expect(fromText(latin(text))).toEqual(payload);
      }),
      { numRuns: 2_000 },
    );
  });

  test("take 16 characters for 13 bytes: 240 hold 195", () => {
    expect([13, 26, 195].map(textLength)).toEqual([16, 32, 240]);
    expect([16, 240, 239, 1, 2].map(bytesThatFit)).toEqual([13, 195, 194, 0, 1]);
    expect(textLength(196)).toBeGreaterThan(240);
  });

  test("are undone from nothing but what they make", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (text) => {
        const payload = fromText(text);
        if (payload) expect(latin(toText(payload))).toEqual(text);
      }),
      { numRuns: 5_000 },
    );
    for (const text of ["~~", "a b!", "!", "!!!!!!", "\r\n"]) expect(fromText(latin(text))).toBeUndefined();
  });
});

describe("a packet in a module's data", () => {
  test("says whether it is for one alone, and fits", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 1, maxLength: MAX_PAYLOAD_BYTES }),
        fc.boolean(),
        (payload, isToOne) => {
          const data = toData(payload, isToOne);
          expect(data.length).toBeLessThanOrEqual(240);
          expect(data.length + 8 - payload.length).toBeLessThanOrEqual(MAX_OVERHEAD_BYTES);
          expect(fromData(latin(data))).toEqual({ payload, isToOne });
        },
      ),
    );
    expect(MAX_PAYLOAD_BYTES).toBe(194);
    expect(toData(new Uint8Array(194), true)).toHaveLength(240);
  });

  test.each(["HELLO", "", "~", "}", "~~~~", "~!!!!!!"])("is none in %j", (text) => {
    expect(fromData(latin(text))).toBeUndefined();
  });
});
