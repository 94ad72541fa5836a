import { expect, test } from "bun:test";
import { pureJsCrypto } from "@libp2p/noise";
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

const hex = (text: string): Buffer => Buffer.from(text, "hex");

/** What two share, as hex. */
const shared = (by: typeof noiseCrypto, privateKey: Uint8Array, publicKey: Uint8Array): string =>
  Buffer.from(by.generateX25519SharedKey(privateKey, publicKey).subarray()).toString("hex");

test("noise's key agreement is X25519 as in RFC 7748, section 6.1, and the same as the library's own", () => {
  const bob = noiseCrypto.generateX25519KeyPairFromSeed(
    hex("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb"),
  );
  expect(Buffer.from(bob.publicKey).toString("hex")).toBe(
    "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f",
  );
  const alicesPublicKey = hex("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a");
  expect(shared(noiseCrypto, bob.privateKey, alicesPublicKey)).toBe(
    "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742",
  );
  const [ours, theirs] = [noiseCrypto.generateX25519KeyPair(), pureJsCrypto.generateX25519KeyPair()];
  expect(shared(noiseCrypto, ours.privateKey, theirs.publicKey)).toBe(
    shared(pureJsCrypto, theirs.privateKey, ours.publicKey),
  );
});

test("a public key with which anybody would share the same is refused", () => {
  const { privateKey } = noiseCrypto.generateX25519KeyPair();
  expect(() => noiseCrypto.generateX25519SharedKey(privateKey, Buffer.alloc(32))).toThrow();
});
