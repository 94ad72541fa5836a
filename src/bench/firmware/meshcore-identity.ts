import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  type KeyObject,
  sign,
  verify,
} from "node:crypto";

const MAC_BYTES = 2;
const BLOCK_BYTES = 16;

/** RFC 8410: what stands before the raw key. */
const DER = {
  ed25519Private: Buffer.from("302e020100300506032b657004220420", "hex"),
  ed25519Public: Buffer.from("302a300506032b6570032100", "hex"),
  x25519Private: Buffer.from("302e020100300506032b656e04220420", "hex"),
  x25519Public: Buffer.from("302a300506032b656e032100", "hex"),
};

const privateKey = (prefix: Buffer, raw: Uint8Array): KeyObject =>
  createPrivateKey({ key: Buffer.concat([prefix, raw]), format: "der", type: "pkcs8" });

const publicKey = (prefix: Buffer, raw: Uint8Array): KeyObject =>
  createPublicKey({ key: Buffer.concat([prefix, raw]), format: "der", type: "spki" });

/** A node's Ed25519 key, which serves for X25519 too (src/Identity.cpp of MeshCore). */
export class Identity {
  readonly publicKey: Uint8Array;
  private readonly signing: KeyObject;
  private readonly exchanging: KeyObject;
  private readonly secrets = new Map<string, Uint8Array>();

  /** @param seed 32 bytes */
  constructor(seed: Uint8Array) {
    this.signing = privateKey(DER.ed25519Private, seed);
    this.publicKey = new Uint8Array(
      createPublicKey(this.signing).export({ format: "der", type: "spki" }).subarray(-32),
    );
    const scalar = createHash("sha512").update(seed).digest().subarray(0, 32);
    this.exchanging = privateKey(DER.x25519Private, scalar);
  }

  /** What other nodes call this one by, in one byte. */
  get hash(): number {
    return this.publicKey[0] ?? 0;
  }

  sign(message: Uint8Array): Uint8Array {
    return new Uint8Array(sign(null, message, this.signing));
  }

  sharedSecret(other: Uint8Array): Uint8Array {
    const name = Buffer.from(other).toString("hex");
    let secret = this.secrets.get(name);
    if (!secret) {
      const key = publicKey(DER.x25519Public, montgomery(other));
      secret = new Uint8Array(diffieHellman({ privateKey: this.exchanging, publicKey: key }));
      this.secrets.set(name, secret);
    }
    return secret;
  }
}

export function isSignedBy(key: Uint8Array, signature: Uint8Array, message: Uint8Array): boolean {
  try {
    return verify(null, message, publicKey(DER.ed25519Public, key), signature);
  } catch {
    return false; // No point of the curve.
  }
}

const P = (1n << 255n) - 19n;

/** The Edwards point's u on the Montgomery curve: (1 + y) / (1 − y) (RFC 7748, section 4.1). */
function montgomery(edwards: Uint8Array): Uint8Array {
  const y = BigInt(`0x${Buffer.from(edwards).reverse().toString("hex")}`) & ((1n << 255n) - 1n);
  const u = ((1n + y) * power((((1n - y) % P) + P) % P, P - 2n)) % P;
  return new Uint8Array(Buffer.from(u.toString(16).padStart(64, "0"), "hex").reverse());
}

function power(base: bigint, exponent: bigint): bigint {
  let result = 1n;
  let square = base;
  for (let left = exponent; left > 0n; left >>= 1n) {
    if (left & 1n) result = (result * square) % P;
    square = (square * square) % P;
  }
  return result;
}

/** MAC of two bytes, then AES-128 in ECB mode with zeros to the end of the last block (src/Utils.cpp). */
export function seal(secret: Uint8Array, plain: Uint8Array): Uint8Array {
  const padded = new Uint8Array(Math.ceil(plain.length / BLOCK_BYTES) * BLOCK_BYTES);
  padded.set(plain);
  const cipher = createCipheriv("aes-128-ecb", secret.subarray(0, 16), null).setAutoPadding(false);
  const sealed = Buffer.concat([cipher.update(padded), cipher.final()]);
  return new Uint8Array(Buffer.concat([macOf(secret, sealed), sealed]));
}

/** @returns undefined when it is not for this key; with the zeros at its end otherwise */
export function unseal(secret: Uint8Array, sealed: Uint8Array): Uint8Array | undefined {
  const body = sealed.subarray(MAC_BYTES);
  if (body.length === 0 || body.length % BLOCK_BYTES !== 0) return undefined;
  if (!macOf(secret, body).equals(sealed.subarray(0, MAC_BYTES))) return undefined;
  const decipher = createDecipheriv("aes-128-ecb", secret.subarray(0, 16), null).setAutoPadding(false);
  return new Uint8Array(Buffer.concat([decipher.update(body), decipher.final()]));
}

const macOf = (secret: Uint8Array, body: Uint8Array): Buffer =>
  createHmac("sha256", secret).update(body).digest().subarray(0, MAC_BYTES);
