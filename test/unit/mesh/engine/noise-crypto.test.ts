import { expect, test } from "bun:test";
import { noiseCrypto } from "../../../../src/mesh/engine/noise-crypto.ts";

const KEY = Buffer.from("808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f", "hex");
const NONCE = Buffer.from("070000004041424344454647", "hex");
const AD = Buffer.from("50515253c0c1c2c3c4c5c6c7", "hex");
const TEXT = Buffer.from(
  "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.",
);

test("noise's encryption is ChaCha20-Poly1305 as in RFC 8439, section 2.8.2", () => {
  const sealed = Buffer.from(noiseCrypto.chaCha20Poly1305Encrypt(TEXT, NONCE, AD, KEY).subarray());
  expect(sealed.subarray(0, 16).toString("hex")).toBe("d31a8d34648e60db7b86afbc53ef7ec2");
  expect(sealed.subarray(-16).toString("hex")).toBe("1ae10b594f09e26a7e902ecbd0600691");
  expect(Buffer.from(noiseCrypto.chaCha20Poly1305Decrypt(sealed, NONCE, AD, KEY).subarray())).toEqual(TEXT);
});

test("frames of any length that noise has are sealed and opened, and forged ones are not", () => {
  for (const length of [0, 1, 1_199, 1_200, 65_519]) {
    const text = Buffer.alloc(length, 7);
    const sealed = noiseCrypto.chaCha20Poly1305Encrypt(text, NONCE, new Uint8Array(), KEY).subarray();
    expect(sealed.length).toBe(length + 16);
    const opened = noiseCrypto.chaCha20Poly1305Decrypt(sealed, NONCE, new Uint8Array(), KEY);
    expect(Buffer.from(opened.subarray())).toEqual(text);
    const forged = Buffer.from(sealed);
    forged.writeUInt8((forged[length] ?? 0) ^ 1, length);
    expect(() => noiseCrypto.chaCha20Poly1305Decrypt(forged, NONCE, new Uint8Array(), KEY)).toThrow();
  }
  expect(() => noiseCrypto.chaCha20Poly1305Decrypt(Buffer.alloc(15), NONCE, AD, KEY)).toThrow(/shorter/);
});
