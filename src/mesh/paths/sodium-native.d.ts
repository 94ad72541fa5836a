/** What the mesh's datagrams use of sodium-native, which has no types of its own (libsodium, crypto_aead_chacha20poly1305_ietf). */
declare module "sodium-native" {
  /** Writes ciphertext and tag, 16 bytes more than the message. @returns how many bytes were written */
  export function crypto_aead_chacha20poly1305_ietf_encrypt(
    cipher: Uint8Array,
    message: Uint8Array,
    additional: Uint8Array | null,
    secretNonce: null,
    nonce: Uint8Array,
    key: Uint8Array,
  ): number;
  /** @throws when the tag does not fit */
  export function crypto_aead_chacha20poly1305_ietf_decrypt(
    message: Uint8Array,
    secretNonce: null,
    cipher: Uint8Array,
    additional: Uint8Array | null,
    nonce: Uint8Array,
    key: Uint8Array,
  ): number;
}
