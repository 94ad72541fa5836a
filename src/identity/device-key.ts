import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
} from "node:crypto";
import { chmodSync, copyFileSync, existsSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { openDocument } from "../store/index.ts";

const schema = z.looseObject({
  /** PKCS #8 in PEM. */
  privateKey: z.string().refine(isPrivateKey).nullable(),
});

const FILE = "device-key.json";

/** The box's own Ed25519 key, made here at the first start; it never leaves the device. */
export interface DeviceKey {
  privateKey: KeyObject;
  /** The raw public key, 32 bytes (RFC 8032). */
  publicKey: Uint8Array;
  /** SHA-256 of the public key, 32 bytes: what the box derives its guest network from. */
  hash: Uint8Array;
}

/**
 * Reads the device key from a folder of state, or makes it there, readable by the daemon alone. Where the medium cannot
 * be written, a new key lasts until the restart.
 * @param told of what an operator should know
 */
export function openDeviceKey(stateFolder: string, told: (message: string) => void = () => {}): DeviceKey {
  const path = join(stateFolder, FILE);
  const document = openDocument(path, schema, () => ({ privateKey: null }));
  for (const aside of document.setAside) told(`the device key was torn; what is left of it is in ${aside}`);
  if (document.origin === "none" && document.setAside.length > 0) told("this box has a new device key");
  const kept = document.data.privateKey;
  const privateKey = kept === null ? generateKeyPairSync("ed25519").privateKey : createPrivateKey(kept);
  try {
    if (kept === null) {
      document.update((data) => {
        data.privateKey = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
      });
      // Written once only, it would have no copy before it: the box would be another one after a torn file.
      document.update(() => {});
    }
    // One that was read from its copy has to be written back.
    if (document.origin === "previous") document.update(() => {});
    chmodSync(path, 0o600);
  } catch (error) {
    told(`the device key is not kept: ${error instanceof Error ? error.message : String(error)}`);
  }
  return deviceKey(privateKey);
}

/** The key in PKCS #8, PEM: for an export that is sealed. */
export function deviceKeyPem({ privateKey }: DeviceKey): string {
  return privateKey.export({ type: "pkcs8", format: "pem" }).toString();
}

/**
 * Puts another key in the place of the device's, from the next start on; the present one is kept beside it.
 * @param pem PKCS #8
 * @returns where the present one is kept, if there is one
 * @throws {TypeError} when the text is no Ed25519 key, and what the file system throws
 */
export function replaceDeviceKey(stateFolder: string, pem: string): string | undefined {
  if (!isPrivateKey(pem)) throw new TypeError("device key: is no Ed25519 key");
  const path = join(stateFolder, FILE);
  let aside: string | undefined;
  if (existsSync(path)) {
    for (let n = 1; aside === undefined || existsSync(aside); n += 1) aside = `${path}.replaced.${n}`;
    copyFileSync(path, aside);
    chmodSync(aside, 0o600);
  }
  const document = openDocument(path, schema, () => ({ privateKey: null }));
  // Twice, so that the copy before it is the new key as well.
  for (let copy = 0; copy < 2; copy += 1) {
    document.update((data) => {
      data.privateKey = pem;
    });
  }
  return aside;
}

/** Whether a text is an Ed25519 key in PKCS #8. */
export function isPrivateKey(pem: string): boolean {
  try {
    return createPrivateKey(pem).asymmetricKeyType === "ed25519";
  } catch {
    return false;
  }
}

function deviceKey(privateKey: KeyObject): DeviceKey {
  const jwk = createPublicKey(privateKey).export({ format: "jwk" });
  const publicKey = Buffer.from(jwk.x ?? "", "base64url");
  return { privateKey, publicKey, hash: createHash("sha256").update(publicKey).digest() };
}
