/** Signs that show nothing (soft hyphens, joiners, variation selectors): between the letters of a word they would hide it. */
const UNSHOWN = /\p{Default_Ignorable_Code_Point}/gu;

/** A text in the one form in which it is compared: wide, small and capital letters alike (UAX #15, NFKC), every gap one space. */
export function comparable(text: string): string {
  const plain = text.normalize("NFKC").replace(UNSHOWN, "").toLowerCase().normalize("NFKC");
  return plain.replace(/\s+/g, " ").trim();
}

/** How many characters a description has that say something. */
export const charsOf = (activity: string): number => [...comparable(activity)].length;

/**
 * The first of some words that a description has. They are plain text, not patterns: nobody can make comparing take long.
 * What is written with letters of another script that look alike is not found: it is a help for operators, not a wall.
 */
export function refusedWord(activity: string, refused: readonly string[]): string | undefined {
  const text = comparable(activity);
  return refused.find((word) => comparable(word) !== "" && text.includes(comparable(word)));
}
