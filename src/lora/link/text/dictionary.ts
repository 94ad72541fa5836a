import { readFileSync } from "node:fs";
import type { DictionaryText } from "./text-model.ts";

/** A line that begins so names the language of those after it. */
const LANGUAGE_MARK = "\t";

/** One text a line, in the order in which they are learned. */
export function readDictionary(file: string): DictionaryText[] {
  const languages: string[] = [];
  const texts: DictionaryText[] = [];
  let language = 0;
  for (const line of file.split("\n")) {
    if (line.startsWith(LANGUAGE_MARK)) {
      if (!languages.includes(line)) languages.push(line);
      language = languages.indexOf(line) + 1;
    } else if (line !== "") texts.push({ language, bytes: new TextEncoder().encode(line) });
  }
  return texts;
}

/**
 * The dictionary of the first version: what the portal says and the training part of the text sample. It must never
 * change, not by a byte: what was written with it could not be read any more. A better one is another file and version.
 */
export const firstDictionary = (): DictionaryText[] =>
  readDictionary(readFileSync(new URL("dictionary-1.txt", import.meta.url), "utf8"));
