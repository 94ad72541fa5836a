import { createRequire } from "node:module";
import { onFirstUse } from "../../host/on-first-use.ts";

/** What of libsodium the mesh uses. The package brings no types. */
interface Sodium {
  crypto_stream_xor_STATEBYTES: number;
  /** XSalsa20 as a stream: state of 136 bytes, nonce of 24, key of 32. */
  crypto_stream_xor_init(state: Uint8Array, nonce: Uint8Array, key: Uint8Array): void;
  /** Goes on where the last update ended; `output` and `input` are as long as each other. */
  crypto_stream_xor_update(state: Uint8Array, output: Uint8Array, input: Uint8Array): void;
  /** X25519 (RFC 7748): the public key, 32 bytes, of a private one. */
  crypto_scalarmult_base(output: Uint8Array, privateKey: Uint8Array): void;
  /** X25519: what two share. @throws for a public key of low order, with which anybody would share the same */
  crypto_scalarmult(output: Uint8Array, privateKey: Uint8Array, publicKey: Uint8Array): void;
  /** RFC 8439. `output` is 16 bytes longer than `message`. */
  crypto_aead_chacha20poly1305_ietf_encrypt(
    output: Uint8Array,
    message: Uint8Array,
    associated: Uint8Array | null,
    secretNonce: null,
    nonce: Uint8Array,
    key: Uint8Array,
  ): number;
  /** @throws when the tag does not fit */
  crypto_aead_chacha20poly1305_ietf_decrypt(
    output: Uint8Array,
    secretNonce: null,
    sealed: Uint8Array,
    associated: Uint8Array | null,
    nonce: Uint8Array,
    key: Uint8Array,
  ): number;
  /** BLAKE2b, keyed. */
  crypto_generichash(output: Uint8Array, input: Uint8Array, key: Uint8Array): void;
  /** draft-irtf-cfrg-xchacha, with a nonce of 24 bytes. `output` is 16 bytes longer than `message`. */
  crypto_aead_xchacha20poly1305_ietf_encrypt(
    output: Uint8Array,
    message: Uint8Array,
    associated: Uint8Array,
    secretNonce: null,
    nonce: Uint8Array,
    key: Uint8Array,
  ): number;
  /** @throws when the tag does not fit */
  crypto_aead_xchacha20poly1305_ietf_decrypt(
    output: Uint8Array,
    secretNonce: null,
    sealed: Uint8Array,
    associated: Uint8Array,
    nonce: Uint8Array,
    key: Uint8Array,
  ): number;
}

// The package is CommonJS without declarations; the functions above are those of its index.js in 5.1.0.
export const sodium = onFirstUse(() => createRequire(import.meta.url)("sodium-native") as Sodium);
