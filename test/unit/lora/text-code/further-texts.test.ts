import { describe, expect, test } from "bun:test";
import { firstDictionary } from "../../../../src/lora/link/text/dictionary.ts";
import { decodeText, encodeText } from "../../../../src/lora/link/text/index.ts";
import { furtherTexts } from "../../../bench/text-sample/further-texts.ts";
import { heldOutTexts, SAMPLE_LANGUAGES, trainingTexts } from "../../../bench/text-sample/index.ts";

const MOST_BYTES = 4_096;
const utf8 = (text: string) => new TextEncoder().encode(text);
const bytesOf = (all: readonly Uint8Array[]) => all.reduce((sum, { length }) => sum + length, 0);
const languages = SAMPLE_LANGUAGES.map((language) => [language] as const);

describe("texts of the second sample", () => {
  test.each(languages)("are forty different ones of 20 to 200 bytes in %s", (language) => {
    const texts = furtherTexts(language);
    expect(new Set(texts).size).toBe(40);
    const outside = texts.filter((text) => utf8(text).length < 20 || utf8(text).length > 200);
    expect(outside).toEqual([]);
  });

  test("are in no dictionary and not in the first sample", () => {
    const known = new Set(firstDictionary().map(({ bytes }) => new TextDecoder().decode(bytes)));
    for (const language of SAMPLE_LANGUAGES) {
      for (const text of [...trainingTexts(language), ...heldOutTexts(language)]) known.add(text);
    }
    expect(SAMPLE_LANGUAGES.flatMap(furtherTexts).filter((text) => known.has(text))).toEqual([]);
  });

  test.each(languages)("come back in %s, from less than 0.6 of their bytes", (language) => {
    const texts = furtherTexts(language);
    const coded = texts.map((text) => encodeText(utf8(text)));
    expect(coded.map((one) => new TextDecoder().decode(decodeText(one, MOST_BYTES)))).toEqual(texts);
    expect(bytesOf(coded) / bytesOf(texts.map(utf8))).toBeLessThan(0.6);
  });
});
