import { textProblem } from "../../identity/cbor.ts";

// Browsers run this too: no Buffer, nothing of Node's.

/** Ways to write a new line: CR LF of forms, CR, NEL, the line and paragraph separators of Unicode. */
const NEW_LINES = /\r\n?|[\u0085\u2028\u2029]/g;
/** Neither shown nor needed: control characters but line feed, halves of surrogate pairs, marks of the direction of writing. */
const UNSHOWN = /[\p{Cs}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]|(?!\n)\p{Cc}/gu;
/** Marks of a check: the pages put one before what a network vouches for, and a name must not. U+FE0E and U+FE0F choose their look. */
const CHECK_MARKS =
  /[\u221a\u2611\u2705\u2713\u2714\u237b\u{10102}\u{1f5f8}\u{1f5f9}\u{1fbb1}][\ufe0e\ufe0f]*/gu;
/** Gaps that would push the rest of a name onto a line of its own, also those of signs that show nothing. */
const WIDE_GAPS = /[\s\u115f\u1160\u2800\u3164\uffa0]+/g;
/** More than one empty line only pushes others off a page. */
const GAPS = /\n{3,}/g;

/**
 * A text with lines, as people and forms give it, in the one form in which a bundle may carry it: lines end in `\n`, at most one
 * is left empty between two others, nothing but what can be shown. Keyboards for Arabic and Hebrew put marks in that turn
 * the direction of writing around: they are taken out, so that no call for help is refused for them.
 */
export function tidyLines(text: string): string {
  const shown = text.replace(NEW_LINES, "\n").replaceAll("\t", " ").replace(UNSHOWN, "");
  return shown.replace(/ +\n/g, "\n").replace(GAPS, "\n\n").trim();
}

/** The same for a text of one line: a place. */
export function tidyLine(text: string): string {
  return tidyLines(text).replace(/\n+/g, " ");
}

/** The same for what somebody calls themselves: without what would make it look like more than a name. */
export function tidyName(text: string): string {
  return tidyLine(text).replace(CHECK_MARKS, "").replace(WIDE_GAPS, " ").trim();
}

/** @returns what is wrong with a text with lines, or undefined; see {@link tidyLines} */
export function linesProblem(text: string, maxChars: number): string | undefined {
  const problem = textProblem(text.replaceAll("\n", " "), maxChars);
  if (problem !== undefined) return problem;
  return text === tidyLines(text) ? undefined : "has spaces or empty lines that do not belong";
}

/** @returns what is wrong with a text of one line, or undefined; see {@link tidyLine} */
export function lineProblem(text: string, maxChars: number): string | undefined {
  const problem = textProblem(text, maxChars);
  if (problem !== undefined) return problem;
  return text === tidyLine(text) ? undefined : "has spaces around it";
}
