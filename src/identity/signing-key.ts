import {
  createPrivateKey,
  createPublicKey,
  hkdfSync,
  type KeyObject,
  sign,
  verify as verifySignature,
} from "node:crypto";

export const KEY_BYTES = 32;
export const SIGNATURE_BYTES = 64;

/** An Ed25519 key that can sign (RFC 8032). */
export interface SigningKey {
  /** 32 bytes. */
  readonly seed: Uint8Array;
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
  /** @returns 64 bytes */
  sign(message: Uint8Array): Uint8Array;
}

/** What precedes the 32 raw bytes in PKCS #8 and in SubjectPublicKeyInfo (RFC 8410, sections 7 and 4). */
const PKCS8_PREFIX = Buffer.from("302e020100300506032b657004220420", "hex");
const SPKI_PREFIX = Buffer.from("302a300506032b6570032100", "hex");

/** @throws RangeError when the seed does not have 32 bytes */
export function signingKey(seed: Uint8Array): SigningKey {
  if (seed.length !== KEY_BYTES) throw new RangeError(`seed: ${seed.length} bytes, not ${KEY_BYTES}`);
  const key = Buffer.concat([PKCS8_PREFIX, seed]);
  const privateKey = createPrivateKey({ key, format: "der", type: "pkcs8" });
  const spki = createPublicKey(privateKey).export({ format: "der", type: "spki" });
  return {
    seed: Uint8Array.from(seed),
    publicKey: Uint8Array.from(spki.subarray(SPKI_PREFIX.length)),
    sign: (message) => Uint8Array.from(sign(null, message, privateKey)),
  };
}

/** Whether `signature` is `publicKey`'s under `message`; false also for what is no key or no signature. */
export function verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (publicKey.length !== KEY_BYTES || signature.length !== SIGNATURE_BYTES) return false;
  try {
    const key = Buffer.concat([SPKI_PREFIX, publicKey]);
    return verifySignature(null, message, createPublicKey({ key, format: "der", type: "spki" }), signature);
  } catch {
    // Not a point of the curve.
    return false;
  }
}

/** HKDF with SHA-256 (RFC 5869). */
export function hkdfSha256(
  secret: Uint8Array,
  salt: Uint8Array,
  info: Uint8Array,
  length: number,
): Uint8Array {
  return new Uint8Array(hkdfSync("sha256", secret, salt, info, length));
}

/** The 32-byte seed of an Ed25519 private key. */
export function seedOf(privateKey: KeyObject): Uint8Array {
  return Uint8Array.from(Buffer.from(privateKey.export({ format: "jwk" }).d ?? "", "base64url"));
}

const MEMBER_KEY = Buffer.from("omerta-box member key 1\0");

/**
 * This device's key in one network. Who sees it in two networks can't tell that they are the same device's: each is
 * derived from the secret seed, and neither leads back to it or to the other.
 * @param generation 0, and one more after each time that this device was put out of the network and invited anew
 */
export function memberKey(
  device: { privateKey: KeyObject },
  networkKey: Uint8Array,
  generation = 0,
): SigningKey {
  const number = Buffer.alloc(4);
  number.writeUInt32BE(generation);
  return signingKey(
    hkdfSha256(seedOf(device.privateKey), networkKey, Buffer.concat([MEMBER_KEY, number]), KEY_BYTES),
  );
}
