import { describe, expect, test } from "bun:test";
import { pbkdf2Sync } from "node:crypto";
import { mnemonicToEntropy, mnemonicToSeedSync } from "@scure/bip39";
import { wordlist } from "@scure/bip39/wordlists/english.js";
import fc from "fast-check";
import {
  newRecoveryWords,
  readRecoveryWords,
  seedOfWords,
  WordsError,
} from "../../../../src/identity/person/recovery-words.ts";

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const wordsOf = (entropy: Uint8Array) => newRecoveryWords(() => entropy);
const entropy = fc.uint8Array({ minLength: 16, maxLength: 16 });

/** Of the published vectors of BIP-39 (python-mnemonic, vectors.json): those of 12 words. */
const VECTORS = [
  [
    "00000000000000000000000000000000",
    "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about",
  ],
  [
    "7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f",
    "legal winner thank year wave sausage worth useful legal winner thank yellow",
  ],
  [
    "80808080808080808080808080808080",
    "letter advice cage absurd amount doctor acoustic avoid letter advice cage above",
  ],
  ["ffffffffffffffffffffffffffffffff", "zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo wrong"],
] as const;
/** Their seeds, with the passphrase of the vectors. */
const SEEDS: Readonly<Record<string, string>> = {
  "00000000000000000000000000000000":
    "c55257c360c07c72029aebc1b53c05ed0362ada38ead3e3e9efa3708e53495531f09a6987599d18264c1e1c92f2cf141630c7a3c4ab7c81b2f001698e7463b04",
  "7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f":
    "2e8905819b8723fe2c1d161860e5ee1830318dbf49a83bd451cfb8440c28bd6fa457fe1296106559a3c80937a1c1069be3a3a5bd381ee6260e8d9739fce1f607",
};

function problemOf(text: string): WordsError {
  try {
    readRecoveryWords(text);
  } catch (error) {
    if (error instanceof WordsError) return error;
    throw error;
  }
  throw new Error("was taken");
}

describe("recovery words", () => {
  test.each(VECTORS)("of %s are those of BIP-39's vectors", (bytes, words) => {
    expect(wordsOf(Buffer.from(bytes, "hex"))).toBe(words);
    expect(readRecoveryWords(words)).toBe(words);
    const seed = SEEDS[bytes];
    if (seed !== undefined) expect(hex(mnemonicToSeedSync(words, "TREZOR"))).toBe(seed);
  });

  test("give the seed that another implementation of PBKDF2 gives", () => {
    fc.assert(
      fc.property(entropy, (bytes) => {
        const words = wordsOf(bytes);
        expect(hex(seedOfWords(words))).toBe(
          pbkdf2Sync(words, "mnemonic", 2048, 64, "sha512").toString("hex"),
        );
      }),
      { numRuns: 5 },
    );
  });

  test("are read as people type them", () => {
    fc.assert(
      fc.property(entropy, (bytes) => {
        const words = wordsOf(bytes).split(" ");
        const typed = words.map((word, n) => `${n + 1}. ${word.toUpperCase()},`).join("\n");
        expect(readRecoveryWords(typed)).toBe(words.join(" "));
        expect(readRecoveryWords(words.map((word) => word.slice(0, 4)).join("  "))).toBe(words.join(" "));
      }),
    );
  });

  test("name the word that is none, and those that it could be", () => {
    const error = problemOf("legal winer thank year wave sausage worth useful legal winner thank yellow");
    expect([error.problem, error.field]).toEqual(["word", "words[1]"]);
    expect(error.suggestions).toContainEqual({ index: 1, word: "winner" });
  });

  test("are counted", () => {
    expect(problemOf("legal winner thank").message).toBe("words: 3 words; there must be 12");
    expect(problemOf("").problem).toBe("words");
  });

  test("with a word that looks like the right one are refused, and the right one is suggested", () => {
    const swaps = [
      ["letter", "better"],
      ["cage", "cave"],
    ] as const;
    for (const [right, wrong] of swaps) {
      const words = VECTORS[2][1];
      const error = problemOf(words.replace(right, wrong));
      expect(error.problem).toBe("checksum");
      expect(error.suggestions).toContainEqual({ index: words.split(" ").indexOf(right), word: right });
    }
  });

  test("of which two changed places are refused, and that is suggested", () => {
    const words = VECTORS[2][1].split(" ");
    const error = problemOf(["advice", "letter", ...words.slice(2)].join(" "));
    expect(error.suggestions).toContainEqual({ index: 0, word: "letter" });
  });

  test("that are suggested for a wrong checksum make it right", () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...wordlist), { minLength: 12, maxLength: 12 }), (words) => {
        try {
          readRecoveryWords(words.join(" "));
        } catch (error) {
          if (!(error instanceof WordsError)) throw error;
          for (const { index, word } of error.suggestions) {
            const next = [...words];
            next[index] = word;
            const swapped = [...next];
            swapped[index + 1] = words[index] ?? "";
            const holds = [next, swapped].some((some) => {
              try {
                return mnemonicToEntropy(some.join(" "), wordlist).length === 16;
              } catch {
                return false;
              }
            });
            expect(holds).toBe(true);
          }
        }
      }),
      { numRuns: 20 },
    );
  });

  test("of a whole book are refused at once", () => {
    expect(problemOf("zoo ".repeat(100_000)).problem).toBe("words");
    expect(problemOf("x".repeat(100_000)).problem).toBe("word");
  });

  test("of any text are words or its own error", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.string({ unit: "binary", maxLength: 60 })), (text) => {
        expect(problemOf(text)).toBeInstanceOf(WordsError);
      }),
    );
  });
});
