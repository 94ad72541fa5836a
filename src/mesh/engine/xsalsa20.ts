import { sodium } from "./sodium.ts";

export const NONCE_BYTES = 24;

/**
 * One direction of XSalsa20 (libsodium's `crypto_stream_xor`) that goes on from byte to byte, however they are cut.
 * Encrypts and decrypts alike. Its state is 136 bytes, whatever passes.
 */
export class XSalsa20 {
  private readonly state = Buffer.alloc(sodium().crypto_stream_xor_STATEBYTES);

  /** @param nonce 24 bytes. @param key 32 bytes */
  constructor(nonce: Uint8Array, key: Uint8Array) {
    sodium().crypto_stream_xor_init(this.state, nonce, key);
  }

  /** @returns new memory, as long as the input */
  apply(bytes: Uint8Array): Buffer {
    const output = Buffer.allocUnsafe(bytes.byteLength);
    if (bytes.byteLength > 0) sodium().crypto_stream_xor_update(this.state, output, bytes);
    return output;
  }
}
