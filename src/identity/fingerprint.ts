import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex } from "@noble/hashes/utils.js";
import { wordlist } from "@scure/bip39/wordlists/english.js";

// Browsers run this too: no Buffer, nothing of Node's.

/** 2^11 words: each stands for 11 bits. */
const BITS_A_WORD = 11;

/**
 * A short name of a public key that people can read to each other: words of the English list of BIP-39, 11 bits of
 * SHA-256(public key) each, the most significant first. Four words (44 bits) tell keys apart that nobody chose on purpose;
 * against somebody who searches for a look-alike compare 12.
 * @param words 1 to 23
 * @throws RangeError for another number of words
 */
export function fingerprint(publicKey: Uint8Array, words = 4): string {
  if (!Number.isInteger(words) || words < 1 || words > 23) {
    throw new RangeError(`words: ${words} is not from 1 to 23`);
  }
  const hash = BigInt(`0x${bytesToHex(sha256(publicKey))}`);
  return Array.from({ length: words }, (_, index) => {
    const shift = BigInt(256 - BITS_A_WORD * (index + 1));
    return wordlist[Number((hash >> shift) & 0x7ffn)];
  }).join(" ");
}
