import { plainDigits } from "./plain-digits.ts";

/**
 * What a person who has no key can see the delivery of their message by, and take it back: twelve digits, which every phone
 * can type in whatever its language. With few guesses a minute nobody finds one of some thousand by trying.
 */
const GROUPS = 3;
const DIGITS_A_GROUP = 4;
const RANGE = 10 ** DIGITS_A_GROUP;
/** Below this a 32-bit number is no more often one remainder than another. */
const FAIR = 2 ** 32 - (2 ** 32 % RANGE);

/** Written in groups, as people read it to each other: `4829-1350-7716`. */
export function newWithdrawalCode(random32: () => number): string {
  const group = () => {
    let number = random32();
    while (number >= FAIR) number = random32();
    return String(number % RANGE).padStart(DIGITS_A_GROUP, "0");
  };
  return Array.from({ length: GROUPS }, group).join("-");
}

/** As it was given out, from whatever somebody has typed: other digits (Arabic, Devanagari …), spaces, no hyphens. */
export function tidyWithdrawalCode(typed: string): string | undefined {
  const digits = plainDigits(typed.slice(0, 64)).replace(/[^0-9]/g, "");
  if (digits.length !== GROUPS * DIGITS_A_GROUP) return undefined;
  return digits.replace(/(\d{4})(?=\d)/g, "$1-");
}
