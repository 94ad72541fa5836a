import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { ENGLISH, LANGUAGES } from "../../../portal/locales/index.ts";

const FOLDER = resolve(import.meta.dir, "../../../portal/locales");

/** Letters of which every text of a language must hold at least one. */
const SCRIPTS: Record<string, RegExp> = {
  ar: /\p{Script=Arabic}/u,
  fa: /\p{Script=Arabic}/u,
  ur: /\p{Script=Arabic}/u,
  hi: /\p{Script=Devanagari}/u,
  bn: /\p{Script=Bengali}/u,
  zh: /\p{Script=Han}/u,
  uk: /\p{Script=Cyrillic}/u,
  ru: /\p{Script=Cyrillic}/u,
};

const placeholdersOf = (text: string) => [...text.matchAll(/\{(\w+)\}/g)].map(([, name]) => name).sort();

/** What is wrong with a translation, a line each. */
function faultsOf(code: string, texts: Readonly<Record<string, unknown>>): string[] {
  const english: Readonly<Record<string, string>> = ENGLISH.texts;
  const missing = Object.keys(english).filter((key) => !(key in texts));
  const surplus = Object.keys(texts).filter((key) => !(key in english));
  const faults = [...missing.map((key) => `${key}: missing`), ...surplus.map((key) => `${key}: unknown`)];
  for (const [key, text] of Object.entries(texts)) {
    const original = english[key];
    if (original === undefined) continue;
    if (typeof text !== "string" || text.trim() === "") faults.push(`${key}: empty`);
    else if (text !== text.trim()) faults.push(`${key}: white space at an end`);
    else if (text === original) faults.push(`${key}: not translated`);
    else if (placeholdersOf(text).join() !== placeholdersOf(original).join())
      faults.push(`${key}: other placeholders`);
    else if (!(SCRIPTS[code] ?? /\p{Script=Latin}/u).test(text))
      faults.push(`${key}: not in the language's script`);
    else if (/[<>]/.test(text)) faults.push(`${key}: markup`);
  }
  return faults;
}

describe("the translations", () => {
  const others = LANGUAGES.filter((language) => language !== ENGLISH);

  test.each(others.map((language) => [language.code, language] as const))(
    "%s is complete",
    (code, { texts }) => {
      expect(faultsOf(code, texts)).toEqual([]);
    },
  );

  test("are offered for every file that there is, and no other", () => {
    const files = readdirSync(FOLDER).filter((name) => name.endsWith(".json"));
    expect(files.map((name) => name.slice(0, -5)).sort()).toEqual(LANGUAGES.map(({ code }) => code).sort());
  });

  test("are of at least the languages that were asked for", () => {
    for (const code of ["ar", "fa", "ur", "es", "fr", "pt", "hi", "bn", "id", "sw", "uk", "zh"]) {
      expect(LANGUAGES.map((language) => language.code)).toContain(code);
    }
  });

  test("run from right to left in Arabic, Persian and Urdu, and in no other", () => {
    const rightToLeft = LANGUAGES.filter(({ direction }) => direction === "rtl").map(({ code }) => code);
    expect(rightToLeft).toEqual(["ar", "fa", "ur"]);
  });

  test("name each language in its own words, once", () => {
    const names = LANGUAGES.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    for (const { code, name } of others)
      expect(SCRIPTS[code]?.test(name) ?? /\p{Script=Latin}/u.test(name)).toBe(true);
  });

  test("hold every key once, in the order of the English ones", () => {
    for (const { code } of LANGUAGES) {
      const source = readFileSync(join(FOLDER, `${code}.json`), "utf8");
      const keys = [...source.matchAll(/^\s*"([\w.]+)":/gm)].map(([, key]) => key);
      expect([code, keys]).toEqual([code, Object.keys(ENGLISH.texts)]);
    }
  });

  test("hold no invisible sign that turns the direction of what follows", () => {
    for (const { code, texts } of LANGUAGES) {
      const turning = Object.entries(texts).filter(([, text]) => /[\u202a-\u202e\u2066-\u2069]/.test(text));
      expect([code, turning]).toEqual([code, []]);
    }
  });
});

describe("the check of a translation itself", () => {
  const spanish = LANGUAGES.find(({ code }) => code === "es")?.texts ?? ENGLISH.texts;

  test("fails on a missing key", () => {
    const { "consent.button": _, ...rest } = spanish;
    expect(faultsOf("es", rest)).toEqual(["consent.button: missing"]);
  });

  test("fails on a key that was left in English", () => {
    expect(faultsOf("es", { ...spanish, "consent.button": ENGLISH.texts["consent.button"] })).toEqual([
      "consent.button: not translated",
    ]);
  });

  test("fails on an empty text, a lost placeholder, an unknown key and a foreign script", () => {
    expect(faultsOf("es", { ...spanish, "left.what": " " })).toEqual(["left.what: empty"]);
    expect(faultsOf("es", { ...spanish, "welcome.title": "Hola" })).toEqual([
      "welcome.title: other placeholders",
    ]);
    expect(faultsOf("es", { ...spanish, "welcome.titel": "Hola" })).toEqual(["welcome.titel: unknown"]);
    expect(faultsOf("es", { ...spanish, "left.title": "Вы вышли" })).toEqual([
      "left.title: not in the language's script",
    ]);
  });
});
