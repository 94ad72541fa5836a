import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { durationText, wordsOf } from "../../../portal/guest/words.ts";
import { ENGLISH, LANGUAGES, languageOf, negotiateLanguage } from "../../../portal/locales/index.ts";

/** Between a number and its unit no line breaks. */
const NO_BREAK = "\u00a0";

const codeFor = (header: string | undefined) => negotiateLanguage(header).code;

describe("the language of a browser", () => {
  test.each([
    ["ar", "ar"],
    ["fr-CA,fr;q=0.9,en;q=0.8", "fr"],
    ["pt-BR", "pt"],
    ["zh-Hans-CN", "zh"],
    ["SW", "sw"],
    ["en;q=0.5, uk;q=0.7", "uk"],
    ["en;q=0.5,uk;q=0.50", "en"],
    ["de-DE,de;q=0.9,tr;q=0.4", "tr"],
    ["  fa ; q=0.3 , ur ; q=0.2 ", "fa"],
    ["es;q=0,hi;q=0.1", "hi"],
    ["bn;q=1.000,id", "bn"],
    ["ru;Q=0.1, vi;q=0.5", "vi"],
  ])("%j is answered in %s (RFC 9110 section 12.5.4)", (header, code) => {
    expect(codeFor(header)).toBe(code);
  });

  test("of old phones that still say 'in' is Indonesian", () => {
    expect(codeFor("in-ID,in;q=0.9")).toBe("id");
    expect(languageOf("in")?.code).toBe("id");
  });

  test.each([undefined, "", "*", "de", "de,nl;q=0.8", "xx-YY", "q=1", ";;;", ",,,", "en-", "es;q=0"])(
    "that is none of ours, %j, is answered in English",
    (header) => {
      expect(codeFor(header)).toBe("en");
    },
  );

  test("is found for every language that is offered, with any region", () => {
    for (const { code } of LANGUAGES) expect([codeFor(code), codeFor(`${code}-XX`)]).toEqual([code, code]);
  });

  test("of random text is always one of ours, and soon", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 300 }), (header) => {
        expect(LANGUAGES).toContain(negotiateLanguage(header));
      }),
    );
    const before = performance.now();
    for (const header of ["a,".repeat(100_000), `en;${" ".repeat(100_000)}q=1`, "x-".repeat(100_000)])
      codeFor(header);
    expect(performance.now() - before).toBeLessThan(200);
  });
});

describe("a language by its code", () => {
  test.each(["", "-", "xx", "constructor", "__proto__", "toString"])("%j is none", (code) => {
    expect(languageOf(code)).toBeUndefined();
  });
});

describe("texts with values in their places", () => {
  const [before = "", after = ""] = ENGLISH.texts["welcome.title"].split("{name}");
  const t = wordsOf(ENGLISH);

  test("take the values and leave alone what has none", () => {
    expect(t("welcome.title", { name: "Harbour" })).toBe(`${before}Harbour${after}`);
    expect(t("welcome.title", {})).toBe(ENGLISH.texts["welcome.title"]);
    expect(t("welcome.title")).toBe(ENGLISH.texts["welcome.title"]);
  });

  test("take a value as it is, whatever signs it holds", () => {
    for (const name of ["{operator}", "$&", "$1", "\\", "{name}"]) {
      expect(t("welcome.title", { name })).toBe(`${before}${name}${after}`);
    }
  });

  test("keep a value of another direction in its own order (Unicode TR9)", () => {
    const isolated = (value: string) => `\u2068${value}\u2069`;
    expect(t("welcome.title", { name: "الميناء" })).toBe(`${before}${isolated("الميناء")}${after}`);
    const arabic = wordsOf(languageOf("ar") ?? ENGLISH);
    expect(arabic("welcome.title", { name: "Harbour" })).toContain(isolated("Harbour"));
  });
});

describe("a time span in words", () => {
  test.each([
    [0, "1 minute"],
    [59, "1 minute"],
    [90, "2 minutes"],
    [3_600, "60 minutes"],
    [7_199, "120 minutes"],
    [7_200, "2 hours"],
    [86_400, "24 hours"],
    [172_799, "48 hours"],
    [172_800, "2 days"],
    [2_592_000, "30 days"],
  ])("of %d s is %s", (seconds, text) => {
    expect(durationText(ENGLISH, seconds)).toBe(text.replace(" ", NO_BREAK));
  });

  test("is in the language's own words and signs", () => {
    const others = LANGUAGES.filter((language) => language !== ENGLISH);
    for (const language of others) {
      expect(durationText(language, 86_400)).not.toBe(durationText(ENGLISH, 86_400));
    }
    const days = ["fa", "bn", "fr", "sw"].map((code) =>
      durationText(languageOf(code) ?? ENGLISH, 3 * 86_400),
    );
    expect(days).toEqual(["۳ روز", "৩ দিন", "3 jours", "siku 3"].map((text) => text.replace(" ", NO_BREAK)));
  });
});
