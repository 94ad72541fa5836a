import { chacha20poly1305 } from "@noble/ciphers/chacha.js";
import { ed25519, x25519 } from "@noble/curves/ed25519.js";
import { hkdfSha256, type SigningKey } from "../../identity/signing-key.ts";
import { CheckpointError } from "./checkpoint-error.ts";

/*
 * What opens a checkpoint is sealed twice in its life: for its requester, in the file; and for the box on which it is to go
 * on, in the request. Both times as age does it (age-encryption.org/v1, the X25519 recipient): a key pair of its own for each
 * sealing, HKDF-SHA-256, ChaCha20-Poly1305.
 *
 * The requester's key is that by which they sign, in its Montgomery form, as age takes SSH keys (RFC 7748, section 4.1;
 * eprint.iacr.org/2021/509 for using one key for both). So a box that must make room can save a machine for its requester
 * without asking, and whoever still has their key can open what they were saved.
 */

/** Of the key of one file. */
export const FILE_KEY_BYTES = 32;
const POINT_BYTES = 32;
const TAG_BYTES = 16;
export const SEALED_KEY_BYTES = POINT_BYTES + FILE_KEY_BYTES + TAG_BYTES;

/** Whom it is sealed for. */
export type SealPurpose = "requester" | "box";

const INFO: Record<SealPurpose, Uint8Array> = {
  requester: Buffer.from("omerta-box checkpoint key for its requester 1\0"),
  box: Buffer.from("omerta-box checkpoint key for a box 1\0"),
};
/** Each key that it is used with is used once. */
const NO_NONCE = new Uint8Array(12);

/** X25519 secret and public key, 32 bytes each. */
export interface AgreementKey {
  secret: Uint8Array;
  publicKey: Uint8Array;
}

export const agreementKey = (secret: Uint8Array): AgreementKey => ({
  secret: Uint8Array.from(secret),
  publicKey: x25519.getPublicKey(Uint8Array.from(secret)),
});

/** By which whoever signs with `key` can be sealed to. */
export const agreementKeyOf = (key: SigningKey): AgreementKey =>
  agreementKey(ed25519.utils.toMontgomerySecret(key.seed));

/** @param publicKey Ed25519, 64 hexadecimal digits @throws {CheckpointError} when it is no key */
export function agreementPublicKey(publicKey: string): Uint8Array {
  try {
    return ed25519.utils.toMontgomery(Uint8Array.from(Buffer.from(publicKey, "hex")));
  } catch {
    throw new CheckpointError("requester", "is no key to which anything can be sealed");
  }
}

/**
 * @param to X25519 public key
 * @returns the one-time public key, and then the sealed key with its tag
 * @throws {CheckpointError} when `to` is a point with which nothing is secret
 */
export function sealKey(
  fileKey: Uint8Array,
  to: Uint8Array,
  purpose: SealPurpose,
  random: (count: number) => Uint8Array,
): Uint8Array {
  const once = agreementKey(random(POINT_BYTES));
  const key = sealingKey(once.secret, to, once.publicKey, to, purpose);
  return Uint8Array.from([
    ...once.publicKey,
    ...chacha20poly1305(key, NO_NONCE).encrypt(Uint8Array.from(fileKey)),
  ]);
}

/** @throws {CheckpointError} when it was sealed for somebody else, for something else, or changed */
export function openSealedKey(sealed: Uint8Array, own: AgreementKey, purpose: SealPurpose): Uint8Array {
  if (sealed.length !== SEALED_KEY_BYTES)
    throw new CheckpointError("key", `is not ${SEALED_KEY_BYTES} bytes`);
  const once = Uint8Array.from(sealed.subarray(0, POINT_BYTES));
  const key = sealingKey(own.secret, once, once, own.publicKey, purpose);
  try {
    return chacha20poly1305(key, NO_NONCE).decrypt(Uint8Array.from(sealed.subarray(POINT_BYTES)));
  } catch {
    throw new CheckpointError("key", "was not sealed for this one, or it was changed");
  }
}

function sealingKey(
  secret: Uint8Array,
  point: Uint8Array,
  once: Uint8Array,
  to: Uint8Array,
  purpose: SealPurpose,
): Uint8Array {
  let shared: Uint8Array;
  try {
    // It refuses the points of low order (RFC 7748, section 6.1).
    shared = x25519.getSharedSecret(secret, Uint8Array.from(point));
  } catch {
    throw new CheckpointError("key", "is a point with which nothing is secret");
  }
  return hkdfSha256(shared, Buffer.concat([once, to]), INFO[purpose], FILE_KEY_BYTES);
}
