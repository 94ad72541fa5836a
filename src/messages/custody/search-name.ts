/** Longer names are searched by their beginning. */
const MAX_CHARS = 64;
const MAX_WORDS = 6;
const LONGEST_GRAM = 3;

/**
 * Marks that people leave out when they type a name: accents, Hebrew points, Arabic vowels, the stretching of Arabic letters.
 * Vowel signs of Indic and other scripts are letters to who reads them, and stay.
 */
const LEFT_OUT = /[\p{Script=Inherited}\u0591-\u05c7\u0610-\u061a\u0640\u064b-\u065f\u0670\u06d6-\u06ed]/gu;

/** Letters that Unicode does not take apart, and those that are typed for one another. */
const ALIKE: Readonly<Record<string, string>> = {
  æ: "ae",
  œ: "oe",
  ø: "o",
  ð: "d",
  đ: "d",
  ħ: "h",
  ł: "l",
  þ: "th",
  ς: "σ",
  // Arabic and Persian keyboards write these with different letters.
  ى: "ي",
  ی: "ي",
  ک: "ك",
  ة: "ه",
};
const ALIKE_LETTER = new RegExp(`[${Object.keys(ALIKE).join("")}]`, "gu");

/**
 * A name as it is searched: without accents, case and punctuation, by the compatibility decomposition of Unicode (UAX #15) and
 * its lower, upper and again lower case, which folds more than lower case alone (ß, and ẞ, which is upper case already). At most
 * 64 characters of each word's form.
 */
export function searchable(name: string): string {
  const folded = name
    .normalize("NFKD")
    .replace(LEFT_OUT, "")
    .toLowerCase()
    .toUpperCase()
    .toLowerCase()
    .normalize("NFKD")
    .replace(LEFT_OUT, "")
    .replace(ALIKE_LETTER, (letter) => ALIKE[letter] ?? letter)
    .replace(/['’ʼ]/gu, "")
    .replace(/[^\p{L}\p{M}\p{N}]+/gu, " ")
    .trim();
  return [...folded].slice(0, MAX_CHARS).join("").trim();
}

/** The words of what somebody searches for: each is to be part of a name. None where nothing was asked for. */
export function searchWords(query: string): string[] {
  const words = searchable(query).split(" ");
  return [...new Set(words.filter((word) => word !== ""))].slice(0, MAX_WORDS);
}

/**
 * What a name is indexed by: all runs of one, two and three characters of its words, as words of ASCII, since one character is a
 * whole word in some scripts.
 */
export function gramsOf(searchableName: string): string {
  const grams = new Set<string>();
  for (const word of searchableName.split(" ")) {
    const characters = [...word];
    for (let length = 1; length <= LONGEST_GRAM; length += 1) {
      for (const gram of runs(characters, length)) grams.add(gram);
    }
  }
  return [...grams].join(" ");
}

/** What must be in a name's grams where all these words are in the name: few, and the longest. */
export function gramsToFind(words: readonly string[]): string {
  const grams = words.flatMap((word) => {
    const characters = [...word];
    return runs(characters, Math.min(LONGEST_GRAM, characters.length));
  });
  return [...new Set(grams)].join(" ");
}

/** @returns each run of so many characters, as their numbers in hex */
function runs(characters: readonly string[], length: number): string[] {
  const found: string[] = [];
  for (let from = 0; from + length <= characters.length; from += 1) {
    const run = characters.slice(from, from + length);
    found.push(run.map((character) => `x${character.codePointAt(0)?.toString(16)}`).join(""));
  }
  return found;
}
