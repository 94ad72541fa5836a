import { describe, expect, test } from "bun:test";
import { createHmac, createPrivateKey, createPublicKey, diffieHellman, hkdfSync } from "node:crypto";
import { xchacha20poly1305 } from "@noble/ciphers/chacha.js";
import fc from "fast-check";
import { encodeCbor } from "../../../../src/identity/cbor.ts";
import type { PersonKey } from "../../../../src/identity/person/person-key.ts";
import { signedBytes } from "../../../../src/messages/bundle/bundle-codec.ts";
import { decodeSealed } from "../../../../src/messages/sealed/sealed-form.ts";
import { libsodium } from "../../identity/person/libsodium.ts";
import { type Letter, Writer } from "./writer.ts";

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

// Everything here is by node's cryptography and libsodium alone.

function dh(secret: Uint8Array, publicKey: Uint8Array): Buffer {
  const der = (prefix: string, key: Uint8Array) => Buffer.concat([Buffer.from(prefix, "hex"), key]);
  return diffieHellman({
    privateKey: createPrivateKey({
      ...{ key: der("302e020100300506032b656e04220420", secret), format: "der", type: "pkcs8" },
    }),
    publicKey: createPublicKey({
      ...{ key: der("302a300506032b656e032100", publicKey), format: "der", type: "spki" },
    }),
  });
}

const hkdf = (secret: Uint8Array, salt: Uint8Array, info: string, length: number): Buffer =>
  Buffer.from(hkdfSync("sha256", secret, salt, Buffer.from(info), length));
const hmac = (key: Uint8Array, byte: number): Buffer =>
  createHmac("sha256", key).update(Buffer.of(byte)).digest();

function agreementKeys(key: PersonKey): { secret: Buffer; public: Buffer } {
  const [edPublic, edSecret] = [Buffer.alloc(32), Buffer.alloc(64)];
  libsodium.crypto_sign_seed_keypair(edPublic, edSecret, Buffer.from(key.secret));
  const pair = { secret: Buffer.alloc(32), public: Buffer.alloc(32) };
  libsodium.crypto_sign_ed25519_pk_to_curve25519(pair.public, edPublic);
  libsodium.crypto_sign_ed25519_sk_to_curve25519(pair.secret, edSecret);
  return pair;
}

/** What the recipient of a first message computes, as X3DH and the Double Ratchet describe it. @returns the sealed text again */
function sealedAnew(ben: Writer, anna: Writer, letter: Letter, plain: Uint8Array): Uint8Array {
  const { header } = decodeSealed(letter.sealed);
  const [me, them] = [agreementKeys(ben.key), agreementKeys(anna.key)];
  const ephemeral = header.beginning?.ephemeral ?? new Uint8Array(32);
  const prekey = ben.prekeys.keys[0]?.secret ?? new Uint8Array(32);
  const secrets = [dh(prekey, them.public), dh(me.secret, ephemeral), dh(prekey, ephemeral)];
  const input = Buffer.concat([Buffer.alloc(32, 0xff), ...secrets]);
  const rootKey = hkdf(input, Buffer.alloc(32), "omerta-box x3dh 1\0", 32);
  const step = hkdf(dh(prekey, header.ratchetKey), rootKey, "omerta-box ratchet root 1\0", 64);
  let chainKey: Uint8Array = step.subarray(32);
  for (let n = 0; n < header.number; n += 1) chainKey = hmac(chainKey, 2);
  const { ratchetKey, previousLength, number } = header;
  const associated = Buffer.concat([
    Buffer.from("omerta-box sealed 1\0"),
    anna.key.publicKey,
    ben.key.publicKey,
    encodeCbor([ratchetKey, previousLength, number, ben.prekeys.keys[0]?.number ?? 0, ephemeral, anna.nowS]),
    signedBytes({ ...letter.head, body: new Uint8Array(0) }),
  ]);
  const key = hkdf(hmac(chainKey, 1), associated, "omerta-box ratchet message 1\0", 56);
  const box = Buffer.alloc(plain.length + 16);
  libsodium.crypto_aead_xchacha20poly1305_ietf_encrypt(
    ...([box, plain, associated, null, key.subarray(32), key.subarray(0, 32)] as const),
  );
  return box;
}

describe("the first messages of a session", () => {
  test("are what node's cryptography and libsodium make of the same keys", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1e6 }), fc.nat(3), (seed, before) => {
        const [anna, ben] = [new Writer(seed), new Writer(seed + 1e6)];
        for (let n = 0; n < before; n += 1) anna.say(ben, "before");
        const letter = anna.say(ben, "Hello");
        const plain = Buffer.concat([encodeCbor([0, "Hello"]), Buffer.of(0x80), Buffer.alloc(7)]);
        expect(hex(sealedAnew(ben, anna, letter, plain))).toBe(hex(decodeSealed(letter.sealed).box));
      }),
      { numRuns: 20 },
    );
  });
});

describe("XChaCha20-Poly1305", () => {
  const fromHex = (text: string) => Buffer.from(text, "hex");

  test("seals the example of draft-irtf-cfrg-xchacha-03, appendix A.3.1", () => {
    const plain = Buffer.from(
      "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.",
    );
    const key = fromHex("808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f");
    const nonce = fromHex("404142434445464748494a4b4c4d4e4f5051525354555657");
    const sealed = xchacha20poly1305(key, nonce, fromHex("50515253c0c1c2c3c4c5c6c7")).encrypt(plain);
    expect(hex(sealed)).toBe(
      "bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb" +
        "731c7f1b0b4aa6440bf3a82f4eda7e39ae64c6708c54c216cb96b72e1213b452" +
        "2f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f76b2383565d3fff9" +
        "21f9664c97637da9768812f615c68b13b52ec0875924c1c7987947deafd8780acf49",
    );
  });

  test("seals as libsodium does", () => {
    const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
    fc.assert(
      fc.property(bytes(32), bytes(24), fc.uint8Array(), fc.uint8Array(), (key, nonce, plain, associated) => {
        const box = Buffer.alloc(plain.length + 16);
        const buffers = [plain, associated, nonce, key].map((some) => Buffer.from(some));
        const [text, bound, n, k] = buffers as [Buffer, Buffer, Buffer, Buffer];
        libsodium.crypto_aead_xchacha20poly1305_ietf_encrypt(box, text, bound, null, n, k);
        expect(hex(xchacha20poly1305(key, nonce, associated).encrypt(plain))).toBe(hex(box));
      }),
    );
  });
});
