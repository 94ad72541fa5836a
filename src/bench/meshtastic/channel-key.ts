import { createCipheriv } from "node:crypto";

/** The key of every new radio, which is public (meshtastic.org/docs/overview/encryption). */
const DEFAULT_KEY = Uint8Array.of(
  ...[0xd4, 0xf1, 0xbb, 0x3a, 0x20, 0x29, 0x07, 0x59, 0xf0, 0xbc, 0xff, 0xab, 0xcf, 0x4e, 0x69, 0x01],
);

/** A channel's key as its settings tell it: one byte stands for the default one, and those that follow from it. */
export function channelKey(psk: Uint8Array): Uint8Array {
  if (psk.length !== 1) return psk;
  const key = DEFAULT_KEY.slice();
  key[15] = ((key[15] ?? 0) + (psk[0] ?? 1) - 1) & 0xff;
  return key;
}

const folded = (bytes: Uint8Array): number => bytes.reduce((hash, byte) => hash ^ byte, 0);

/** A byte by which receivers choose among their channels. */
export const channelHash = (name: string, key: Uint8Array): number =>
  folded(new TextEncoder().encode(name)) ^ folded(key);

/**
 * Encrypts, or decrypts: AES in counter mode, which adds no byte and finds no error. The counter begins with the
 * packet's id in 64 bits and its sender in 32, little-endian.
 */
export function crypt(
  key: Uint8Array,
  { from, id }: { from: number; id: number },
  body: Uint8Array,
): Uint8Array {
  if (key.length === 0) return body;
  const counter = new Uint8Array(16);
  const view = new DataView(counter.buffer);
  view.setUint32(0, id, true);
  view.setUint32(8, from, true);
  return new Uint8Array(createCipheriv(`aes-${key.length * 8}-ctr`, key, counter).update(body));
}
