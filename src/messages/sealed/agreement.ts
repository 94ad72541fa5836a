import { x25519 } from "@noble/curves/ed25519.js";
import { hkdf } from "@noble/hashes/hkdf.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { concatBytes, utf8ToBytes } from "@noble/hashes/utils.js";
import { agreementKeyOf, type PersonKey } from "../../identity/person/person-key.ts";
import { SealedError } from "./sealed-error.ts";

// Browsers run this too: no Buffer, nothing of Node's.

const INFO = utf8ToBytes("omerta-box x3dh 1\0");
/** What X3DH puts before the secrets for X25519, section 2.2: 32 bytes that are no secret of any curve. */
const F = new Uint8Array(32).fill(0xff);

/** An X25519 key pair. */
export interface KeyPair {
  secret: Uint8Array;
  public: Uint8Array;
}

/** @param random bytes that nobody can guess */
export function newKeyPair(random: (bytes: number) => Uint8Array): KeyPair {
  const secret = random(32);
  return { secret, public: x25519.getPublicKey(secret) };
}

/**
 * The secret of a new session, as whoever begins it computes it: X3DH (Signal, revision 1, section 3.3) without one-time prekeys. The
 * prekey is signed by the bundle that its owner's card travels in.
 * @param them their identity, Ed25519
 * @param prekey from their card, X25519
 * @returns 32 bytes
 * @throws {SealedError} `malformed` where a key is none
 */
export function agreeAsFirst(
  me: PersonKey,
  ephemeral: KeyPair,
  them: Uint8Array,
  prekey: Uint8Array,
): Uint8Array {
  return combined(
    agree(me.agreementSecret, prekey),
    agree(ephemeral.secret, identityOf(them)),
    agree(ephemeral.secret, prekey),
  );
}

/**
 * The same secret, as the other side computes it (section 3.4).
 * @param ephemeral as it came in the message
 */
export function agreeAsSecond(
  me: PersonKey,
  prekey: KeyPair,
  them: Uint8Array,
  ephemeral: Uint8Array,
): Uint8Array {
  return combined(
    agree(prekey.secret, identityOf(them)),
    agree(me.agreementSecret, ephemeral),
    agree(prekey.secret, ephemeral),
  );
}

/**
 * X25519 (RFC 7748, section 6.1), with the check for a result of zeros.
 * @throws {SealedError} `malformed` where the public key is none
 */
export function agree(secret: Uint8Array, publicKey: Uint8Array): Uint8Array {
  try {
    return x25519.getSharedSecret(secret, publicKey);
  } catch {
    throw new SealedError("malformed", "a key is none to agree with");
  }
}

function identityOf(publicKey: Uint8Array): Uint8Array {
  try {
    return agreementKeyOf(publicKey);
  } catch {
    throw new SealedError("malformed", "the person's key is none");
  }
}

const combined = (...secrets: Uint8Array[]): Uint8Array =>
  hkdf(sha256, concatBytes(F, ...secrets), new Uint8Array(32), INFO, 32);
