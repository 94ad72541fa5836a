import { readFileSync, writeFileSync } from "node:fs";
import { SAMPLE_LANGUAGES, type SampleLanguage, trainingTexts } from "./index.ts";

/**
 * Writes a dictionary for `src/lora/link/text`: what the portal says and the sample's training part, each text on a line.
 * Run by hand, `bun test/bench/text-sample/make-dictionary.ts <file>`, for a new version of the dictionary only: one that
 * is in use must not change.
 */
const LONGEST_PORTAL_SENTENCE = 120;

function portalSentences(language: SampleLanguage): string[] {
  const file = readFileSync(new URL(`../../../portal/locales/${language}.json`, import.meta.url), "utf8");
  const values: string[] = Object.values(JSON.parse(file)).map(String);
  const sentences = values
    .flatMap((value) => value.replace(/\{\w+\}/g, "").split(/(?<=[.!?।。؟])\s*/))
    .map((sentence) => sentence.trim())
    .filter((sentence) => sentence.length > 3 && Buffer.byteLength(sentence) <= LONGEST_PORTAL_SENTENCE);
  return [...new Set(sentences)];
}

function dictionary(): string {
  const lines: string[] = [];
  const add = (language: SampleLanguage, texts: readonly string[]) => lines.push(`\t${language}`, ...texts);
  for (const language of SAMPLE_LANGUAGES) add(language, portalSentences(language));
  // What is learned last weighs most, and no language's words are far back: a few texts of each in turn.
  const training = SAMPLE_LANGUAGES.map((language) => ({ language, texts: trainingTexts(language) }));
  for (let at = 0; training.some(({ texts }) => at < texts.length); at += 1) {
    for (const { language, texts } of training) {
      const text = texts[at];
      if (text !== undefined) add(language, [text]);
    }
  }
  return `${lines.join("\n")}\n`;
}

const [, , file] = process.argv;
if (file === undefined) throw new Error("usage: bun make-dictionary.ts <file>");
writeFileSync(file, dictionary());
