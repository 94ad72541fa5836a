import { createHash, timingSafeEqual } from "node:crypto";

/** Crockford's base 32: digits and letters without those that pass for others (https://www.crockford.com/base32.html). */
const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const GROUPS = 2;
const GROUP_CHARS = 4;
const CHARS = GROUPS * GROUP_CHARS;

/**
 * A new claim code such as `7K2M-9FQX`: 40 bits. Whoever guesses at the limited rate of the desk has one chance in a
 * million after four days of nothing else.
 * @param randomBytes as node:crypto's
 */
export function newClaimCode(randomBytes: (count: number) => Uint8Array): string {
  // 256 is a multiple of 32: the remainder is even over all letters.
  const chars = [...randomBytes(CHARS)].map((byte) => ALPHABET[byte % ALPHABET.length]).join("");
  return `${chars.slice(0, GROUP_CHARS)}-${chars.slice(GROUP_CHARS)}`;
}

/** Whether what somebody has typed is the code: case, spaces and dashes aside, and with the letters that pass for others read as meant. In constant time. */
export function isClaimCode(code: string, typed: string): boolean {
  return timingSafeEqual(digest(plain(code)), digest(plain(typed.slice(0, 200))));
}

const plain = (text: string) =>
  text
    .toUpperCase()
    .replace(/[\s\-‐-―_.]/g, "")
    .replace(/O/g, "0")
    .replace(/[IL]/g, "1");

/** Texts of any length are compared by digests, which have one length. */
const digest = (text: string) => createHash("sha256").update(text).digest();
