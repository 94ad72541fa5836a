import { hkdfSync } from "node:crypto";

/** Before the mesh's name, so that the same key never serves two purposes. */
const PURPOSE = "omerta radio mesh 1\0";

/**
 * The password by which the radios of a network's boxes know each other (SAE, IEEE 802.11-2020, 12.4): HKDF-SHA-256
 * (RFC 5869) of the network's shared key, without a salt, with {@link PURPOSE} and the mesh's name as its info; the 32 bytes
 * in base64url. Whoever knows the password learns nothing of the shared key.
 * @param sharedKey 32 bytes
 */
export function meshPassword(sharedKey: Uint8Array, meshId: string): string {
  const bytes = hkdfSync("sha256", sharedKey, new Uint8Array(0), `${PURPOSE}${meshId}`, 32);
  return Buffer.from(bytes).toString("base64url");
}
