import { entropyToMnemonic, mnemonicToEntropy, mnemonicToSeedSync } from "@scure/bip39";
import { wordlist } from "@scure/bip39/wordlists/english.js";
import leven from "leven";

// Browsers run this too: no Buffer, nothing of Node's.

/** 12 words, of which the last four bits are a checksum. */
const ENTROPY_BYTES = 16;
const LENGTHS = [12, 15, 18, 21, 24];
/** The list is made so that four letters tell its words apart. */
const ENOUGH_LETTERS = 4;
const MAX_SUGGESTIONS = 4;
/** Of what somebody has typed: longer is no recovery words. */
const MAX_CHARS = 1_000;

/** A word, and where it would have to stand: 0 is the first. */
export interface Suggestion {
  index: number;
  word: string;
}

/** Recovery words that are none. */
export class WordsError extends Error {
  override readonly name = "WordsError";
  constructor(
    /** `words`: there are not as many as there must be. `word`: one is not in the list. `checksum`: one or more are others. */
    readonly problem: "words" | "word" | "checksum",
    /** What is wrong: `words`, `words[3]`. */
    readonly field: string,
    why: string,
    /** Words that could have been meant, the nearest first; with a checksum error each of them alone would make it right. */
    readonly suggestions: readonly Suggestion[],
  ) {
    super(`${field}: ${why}`);
  }
}

/**
 * New recovery words (BIP-39, English list): whoever has them is the person.
 * @param random bytes that nobody can guess
 */
export function newRecoveryWords(random: (bytes: number) => Uint8Array): string {
  return entropyToMnemonic(random(ENTROPY_BYTES), wordlist);
}

/**
 * Reads recovery words as people type them: capitals, commas, line breaks and numbers between them don't matter, and the first four
 * letters of a word are enough.
 * @returns them as BIP-39 writes them
 * @throws {WordsError} with words that could have been meant
 */
export function readRecoveryWords(text: string): string {
  const typed =
    text
      .slice(0, MAX_CHARS)
      .normalize("NFKD")
      .toLowerCase()
      .match(/[a-z]+/g) ?? [];
  const words = typed.map((word, index) => {
    const known = listed(word);
    if (known !== undefined) return known;
    const near = nearest(word).map((other) => ({ index, word: other }));
    throw new WordsError("word", `words[${index}]`, `"${word}" is no word of the list`, near);
  });
  if (!LENGTHS.includes(words.length)) {
    throw new WordsError("words", "words", `${words.length} words; there must be 12`, []);
  }
  if (holds(words)) return words.join(" ");
  throw new WordsError("checksum", "words", "one of them is another, or two changed places", repairs(words));
}

/** The seed of BIP-39, 64 bytes, with no passphrase. Takes some hundred milliseconds on an old phone. */
export const seedOfWords = (words: string): Uint8Array => mnemonicToSeedSync(words);

function listed(word: string): string | undefined {
  if (wordlist.includes(word)) return word;
  if (word.length < ENOUGH_LETTERS) return undefined;
  const [found, another] = wordlist.filter((known) => known.startsWith(word));
  return another === undefined ? found : undefined;
}

/** Words of the list by what one has to change in `word`, the fewest letters first, at most two. */
function nearest(word: string): string[] {
  const most = word.length < ENOUGH_LETTERS ? 1 : 2;
  const near = wordlist
    // Each letter more or less is a change by itself.
    .filter((known) => Math.abs(known.length - word.length) <= most)
    .map((known) => ({ known, distance: leven(word, known, { maxDistance: most + 1 }) }))
    .filter(({ distance }) => distance > 0 && distance <= most)
    .sort((a, b) => a.distance - b.distance);
  return near.slice(0, MAX_SUGGESTIONS).map(({ known }) => known);
}

function holds(words: readonly string[]): boolean {
  try {
    mnemonicToEntropy(words.join(" "), wordlist);
    return true;
  } catch {
    return false;
  }
}

/** What makes the checksum right again: one word that looks like it, or the one beside it in its place. */
function repairs(words: readonly string[]): Suggestion[] {
  const found: Suggestion[] = [];
  for (const [index, word] of words.entries()) {
    const changed = nearest(word).filter((other) => holds(replaced(words, index, other)));
    found.push(...changed.map((other) => ({ index, word: other })));
    const next = words[index + 1];
    if (next === undefined || next === word) continue;
    if (holds(replaced(replaced(words, index, next), index + 1, word))) found.push({ index, word: next });
  }
  return found.slice(0, MAX_SUGGESTIONS * 2);
}

const replaced = (words: readonly string[], index: number, word: string): string[] =>
  words.map((kept, at) => (at === index ? word : kept));
