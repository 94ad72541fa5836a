import { ed25519 } from "@noble/curves/ed25519.js";
import { HDKey } from "micro-key-producer/slip10.js";
import { seedOfWords } from "./recovery-words.ts";

// Browsers run this too: no Buffer, nothing of Node's.

/**
 * Where a person's identity key is in the tree that their recovery words grow (SLIP-0010, Ed25519, hardened steps alone):
 * `m / purpose' / use'`. The purpose is "omr" as a number (BIP-43: a purpose is a BIP's number; none has this one). Use 0 is the
 * identity; others are free.
 *
 * Prekeys and ratchet keys are not in this tree, they are random: what can be made anew from words cannot be forgotten, and then
 * nothing would be forward secret against who finds the words.
 */
export const IDENTITY_PATH = "m/7302514'/0'";

/** Who somebody is. No account, no number: this key, made on their own device. */
export interface PersonKey {
  /** Ed25519 private key (the seed of RFC 8032), 32 bytes. */
  readonly secret: Uint8Array;
  /** Ed25519 public key, 32 bytes: the person's name to machines. */
  readonly publicKey: Uint8Array;
  /** The same key for X25519, by the birational map of RFC 7748, section 4.1: 32 bytes. */
  readonly agreementSecret: Uint8Array;
  /** @returns 64 bytes */
  sign(message: Uint8Array): Uint8Array;
}

/**
 * @param words as `readRecoveryWords` gives them
 */
export function personKeyOfWords(words: string): PersonKey {
  return personKey(HDKey.fromMasterSeed(seedOfWords(words)).derive(IDENTITY_PATH).privateKey);
}

/**
 * @param secret Ed25519 private key, 32 bytes
 * @throws RangeError for another length
 */
export function personKey(secret: Uint8Array): PersonKey {
  if (secret.length !== 32) throw new RangeError(`secret: ${secret.length} bytes, not 32`);
  const own = Uint8Array.from(secret);
  return {
    secret: own,
    publicKey: ed25519.getPublicKey(own),
    agreementSecret: ed25519.utils.toMontgomerySecret(own),
    sign: (message) => ed25519.sign(message, own),
  };
}

/** Whether `signature` is `publicKey`'s under `message`, by the strict rules of RFC 8032; false also for what is no key. */
export function verifyBy(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  try {
    return ed25519.verify(signature, message, publicKey, { zip215: false });
  } catch {
    // Not 64 bytes, or not 32.
    return false;
  }
}

/**
 * A person's public key for X25519.
 * @throws RangeError when it is no point of the curve
 */
export function agreementKeyOf(publicKey: Uint8Array): Uint8Array {
  try {
    return ed25519.utils.toMontgomery(publicKey);
  } catch {
    throw new RangeError("publicKey: is no Ed25519 key");
  }
}
