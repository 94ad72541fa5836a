import { describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { seededRandom } from "../../../../../src/bench/seeded-random.ts";
import { decodeText, encodeText } from "../../../../../src/lora/link/text/index.ts";
import { heldOutTexts, SAMPLE_LANGUAGES, trainingTexts } from "../../../../bench/text-sample/index.ts";

const MOST = 65_536;
const utf8 = (text: string) => new TextEncoder().encode(text);
const noise = (length: number, seed: number): Uint8Array => {
  const random = seededRandom(seed);
  return Uint8Array.from({ length }, () => Math.floor(random() * 256));
};
/** As a link does: what is not shorter goes as it is. */
const thereAndBack = (message: Uint8Array): Uint8Array => {
  const coded = encodeText(message);
  return coded.length < message.length ? decodeText(coded, MOST) : coded;
};

describe("the text code", () => {
  test.each(SAMPLE_LANGUAGES.map((language) => [language]))("brings texts in %s back", (language) => {
    for (const text of [...heldOutTexts(language), ...trainingTexts(language)])
      expect(new TextDecoder().decode(thereAndBack(utf8(text)))).toBe(text);
  });

  test.each(SAMPLE_LANGUAGES.map((language) => [language]))(
    "takes little more than half of texts in %s that it has never seen",
    (language) => {
      const texts = heldOutTexts(language).map(utf8);
      const bytes = (all: Uint8Array[]) => all.reduce((sum, { length }) => sum + length, 0);
      expect(bytes(texts.map(encodeText)) / bytes(texts)).toBeLessThan(0.55);
    },
  );

  test("brings any bytes back, and makes none longer", () => {
    const anything = fc.oneof(
      fc.uint8Array({ maxLength: 300 }),
      fc.array(fc.constantFrom(0, 1, 2, 65, 255), { maxLength: 300 }).map((bytes) => Uint8Array.from(bytes)),
      fc.string({ unit: "grapheme", maxLength: 200 }).map(utf8),
    );
    fc.assert(
      fc.property(anything, (message) => {
        expect(encodeText(message).length).toBeLessThanOrEqual(message.length);
        expect(thereAndBack(message)).toEqual(message);
      }),
      { numRuns: 300 },
    );
  });

  test.each([4_096, 4_097, 30_000])("brings %d bytes back, text or noise", (length) => {
    const text = utf8(trainingTexts("en").join(" ").repeat(30)).subarray(0, length);
    expect(encodeText(text).length).toBeLessThan(length / 3);
    expect(thereAndBack(text)).toEqual(text);
    expect(encodeText(noise(length, 3))).toEqual(noise(length, 3));
  });

  test("is the same after whatever was coded before", () => {
    const text = utf8("Water is at the town hall until noon");
    const coded = encodeText(text);
    encodeText(noise(2_000, 5));
    expect(() => decodeText(coded, 5)).toThrow("no text of at most 5 bytes");
    encodeText(utf8("да".repeat(1_000)));
    expect(encodeText(text)).toEqual(coded);
  });

  test("takes any bytes from the air, gives no more than was asked for, and throws where it is no text", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 255 }), fc.integer({ min: 0, max: 500 }), (coded, limit) => {
        let text: Uint8Array;
        try {
          text = decodeText(coded, limit);
        } catch (error) {
          expect(error).toBeInstanceOf(Error);
          return;
        }
        expect(text.length).toBeLessThanOrEqual(limit);
      }),
      { numRuns: 500 },
    );
  });

  test("gives no more than was asked for of a few bytes that stand for many", () => {
    const coded = [encodeText(new Uint8Array(4_096).fill(97)), encodeText(new Uint8Array(60_000))];
    expect(coded.map(({ length }) => length < 100)).toEqual([true, true]);
    for (const one of coded) expect(() => decodeText(one, 4_095)).toThrow();
    expect(coded.map((one) => decodeText(one, MOST).length)).toEqual([4_096, 60_000]);
  });

  test("does not take what a later version has written", () => {
    expect(() => decodeText(Uint8Array.of(0xff, 0xf1, 1, 2, 3), MOST)).toThrow("method 1 is not known");
    expect(() => decodeText(Uint8Array.of(0xff, 0xf0, 1, 2, 3), MOST)).toThrow();
  });
});

describe("what is on the air of dictionary 1", () => {
  test("is as it was: boxes in the field have this very dictionary", () => {
    const file = new URL("../../../../../src/lora/link/text/dictionary-1.txt", import.meta.url);
    expect(createHash("sha256").update(readFileSync(file)).digest("hex")).toBe(
      "2a543fc5b32df525a6d00189b9bcb7b867c07a8b208ab33fa6aeff9075f0748a",
    );
  });

  test.each([
    ["Is everyone at number 9 safe?", "c092ecc66d8eb8117b94bfb8"],
    ["Кто-нибудь видел мою сестру?", "604f2e82d914062dc660ea8a"],
    ["हम कल सुबह आएँगे", "1e047bd52cc92618"],
    ["你们那边有水吗？", "11efd694028b2593ab01c399"],
  ])("is as it was for %p", (text, coded) => {
    expect(Buffer.from(encodeText(utf8(text))).toString("hex")).toBe(coded);
    expect(new TextDecoder().decode(decodeText(Buffer.from(coded, "hex"), MOST))).toBe(text);
  });
});
