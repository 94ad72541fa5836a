import { createPrivateKey, createPublicKey, generateKeyPairSync } from "node:crypto";

/** A WireGuard key is no key, or not of 32 bytes. */
export class WireGuardKeyError extends Error {
  override readonly name = "WireGuardKeyError";
}

/** What precedes the 32 raw bytes of an X25519 key in PKCS #8 and in SubjectPublicKeyInfo (RFC 8410, sections 7 and 4). */
const PKCS8_PREFIX = Buffer.from("302e020100300506032b656e04220420", "hex");
const SPKI_BYTES = 12;

/** 32 bytes in base64, as wg(8) writes keys; the last letter before "=" has two bits that are zero. */
export const isWireGuardKey = (text: string): boolean => /^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$/.test(text);

/** @returns a new private key in base64 */
export function makeWireGuardKey(): string {
  const { privateKey } = generateKeyPairSync("x25519");
  return Buffer.from(
    privateKey.export({ type: "pkcs8", format: "der" }).subarray(PKCS8_PREFIX.length),
  ).toString("base64");
}

/** @param privateKey base64 @throws {WireGuardKeyError} */
export function wireGuardPublicKey(privateKey: string): string {
  if (!isWireGuardKey(privateKey)) throw new WireGuardKeyError("private key: is not 32 bytes in base64");
  const key = Buffer.concat([PKCS8_PREFIX, Buffer.from(privateKey, "base64")]);
  const spki = createPublicKey(createPrivateKey({ key, format: "der", type: "pkcs8" })).export({
    type: "spki",
    format: "der",
  });
  return Buffer.from(spki.subarray(SPKI_BYTES)).toString("base64");
}
