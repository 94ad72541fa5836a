import { createRequire } from "node:module";

/** What of libsodium the tests compare with, as in index.js of sodium-native 5.1.0, which brings no types. */
interface Libsodium {
  crypto_sign_seed_keypair(publicKey: Uint8Array, secretKey: Uint8Array, seed: Uint8Array): void;
  crypto_sign_ed25519_pk_to_curve25519(x: Uint8Array, publicKey: Uint8Array): void;
  crypto_sign_ed25519_sk_to_curve25519(x: Uint8Array, secretKey: Uint8Array): void;
  crypto_aead_xchacha20poly1305_ietf_encrypt(
    sealed: Uint8Array,
    plain: Uint8Array,
    associated: Uint8Array | null,
    unused: null,
    nonce: Uint8Array,
    key: Uint8Array,
  ): number;
}

// The module's shape is the interface above, see there.
export const libsodium = createRequire(import.meta.url)("sodium-native") as Libsodium;
