import { readFileSync } from "node:fs";

/** The portal's languages. */
export const SAMPLE_LANGUAGES = [
  "en",
  "es",
  "fr",
  "pt",
  "ar",
  "fa",
  "ur",
  "hi",
  "bn",
  "zh",
  "id",
  "vi",
  "sw",
  "tr",
  "uk",
  "ru",
] as const;

export type SampleLanguage = (typeof SAMPLE_LANGUAGES)[number];

/** Every so-many-th text is held out. The same in all languages, so that no translation of one teaches a sister language. */
const HELD_OUT_EVERY = 3;

function texts(language: SampleLanguage): string[] {
  const file = readFileSync(new URL(`${language}.txt`, import.meta.url), "utf8");
  return file.split("\n").filter((line) => line !== "");
}

const isHeldOut = (index: number): boolean => index % HELD_OUT_EVERY === HELD_OUT_EVERY - 1;

/** What dictionaries are made of. */
export const trainingTexts = (language: SampleLanguage): string[] =>
  texts(language).filter((_, index) => !isHeldOut(index));

/** What dictionaries have never seen: only these are measured. */
export const heldOutTexts = (language: SampleLanguage): string[] =>
  texts(language).filter((_, index) => isHeldOut(index));
