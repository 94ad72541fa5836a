import { bytesToHex, hexToBytes } from "@noble/hashes/utils.js";

export { bytesToHex, hexToBytes };

/** Bytes that nobody can guess: also over plain HTTP, where `crypto.subtle` is not there. */
export const random = (length: number): Uint8Array => crypto.getRandomValues(new Uint8Array(length));

export function toBase64(bytes: Uint8Array): string {
  let text = "";
  // By pieces: a call with as many arguments as a photo has bytes ends in an error.
  for (let at = 0; at < bytes.length; at += 8_192) {
    text += String.fromCharCode(...bytes.subarray(at, at + 8_192));
  }
  return btoa(text);
}

export const fromBase64 = (text: string): Uint8Array =>
  Uint8Array.from(atob(text), (char) => char.charCodeAt(0));

export const nowS = (): number => Math.floor(Date.now() / 1_000);
