import { createHash, randomBytes } from "node:crypto";
import { type ICryptoInterface, pureJsCrypto } from "@libp2p/noise";
import { sodium } from "./sodium.ts";

const TAG_BYTES = 16;
const KEY_BYTES = 32;

type Bytes = Parameters<ICryptoInterface["hashSHA256"]>[0];

// A Uint8ArrayList joins its pieces; of a Uint8Array this is the same memory.
const flat = (bytes: Bytes): Uint8Array => bytes.subarray();

const orNone = (bytes: Uint8Array): Uint8Array | null => (bytes.byteLength > 0 ? bytes : null);

function keyPairOf(privateKey: Uint8Array): { publicKey: Uint8Array; privateKey: Uint8Array } {
  const publicKey = Buffer.alloc(KEY_BYTES);
  sodium().crypto_scalarmult_base(publicKey, privateKey);
  return { publicKey, privateKey };
}

/**
 * Noise's cryptography on libsodium. The one that the library chooses for servers asks node:crypto for
 * `chacha20-poly1305`, which Bun does not have (oven-sh/bun 8072): the handshake passes, as it uses another
 * implementation below 1,200 bytes, and the first longer frame throws. Key agreement by the library's own JavaScript
 * takes twelve times as long, four times a connection, which adds up where a network of many boxes forms.
 */
export const noiseCrypto: ICryptoInterface = {
  ...pureJsCrypto,

  generateX25519KeyPair: () => keyPairOf(randomBytes(KEY_BYTES)),

  generateX25519KeyPairFromSeed: keyPairOf,

  generateX25519SharedKey(privateKey, publicKey) {
    const shared = Buffer.alloc(KEY_BYTES);
    sodium().crypto_scalarmult(shared, flat(privateKey), flat(publicKey));
    return shared;
  },

  hashSHA256: (data) => createHash("sha256").update(flat(data)).digest(),

  chaCha20Poly1305Encrypt(plaintext, nonce, ad, key) {
    const message = flat(plaintext);
    const sealed = Buffer.allocUnsafe(message.byteLength + TAG_BYTES);
    sodium().crypto_aead_chacha20poly1305_ietf_encrypt(sealed, message, orNone(ad), null, nonce, key);
    return sealed;
  },

  chaCha20Poly1305Decrypt(ciphertext, nonce, ad, key) {
    const sealed = flat(ciphertext);
    if (sealed.byteLength < TAG_BYTES) throw new Error("a sealed frame is shorter than its tag");
    const message = Buffer.allocUnsafe(sealed.byteLength - TAG_BYTES);
    sodium().crypto_aead_chacha20poly1305_ietf_decrypt(message, null, sealed, orNone(ad), nonce, key);
    return message;
  },
};
