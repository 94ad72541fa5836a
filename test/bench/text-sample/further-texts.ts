import { readFileSync } from "node:fs";
import type { SampleLanguage } from "./index.ts";

/**
 * A second sample, of which no dictionary has seen anything; keep it so, it is for measuring only. It is on the first
 * one's subjects and has phrases in common with it (lost dogs, closed bridges), so it says nothing about other subjects.
 * What stands at one place says the same in all languages.
 */
export function furtherTexts(language: SampleLanguage): string[] {
  const texts: unknown = JSON.parse(readFileSync(new URL(`${language}.json`, import.meta.url), "utf8"));
  if (!Array.isArray(texts)) throw new Error(`${language}.json: no list of texts`);
  return texts.map(String);
}
