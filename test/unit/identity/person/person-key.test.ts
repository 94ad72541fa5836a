import { describe, expect, test } from "bun:test";
import { createPrivateKey, createPublicKey, diffieHellman } from "node:crypto";
import { x25519 } from "@noble/curves/ed25519.js";
import fc from "fast-check";
import { HDKey } from "micro-key-producer/slip10.js";
import {
  agreementKeyOf,
  IDENTITY_PATH,
  personKey,
  personKeyOfWords,
  verifyBy,
} from "../../../../src/identity/person/person-key.ts";
import { seedOfWords } from "../../../../src/identity/person/recovery-words.ts";
import { signingKey, verify } from "../../../../src/identity/signing-key.ts";
import { libsodium } from "./libsodium.ts";

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 });

/** SLIP-0010, test vectors for ed25519: seed, path, private key. */
const SLIP_10 = [
  [
    "000102030405060708090a0b0c0d0e0f",
    "m",
    "2b4be7f19ee27bbf30c667b642d5f4aa69fd169872f8fc3059c08ebae2eb19e7",
  ],
  [
    "000102030405060708090a0b0c0d0e0f",
    "m/0'",
    "68e0fe46dfb67e368c75379acec591dad19df3cde26e63b93a8e704f1dade7a3",
  ],
  [
    "000102030405060708090a0b0c0d0e0f",
    "m/0'/1'/2'/2'/1000000000'",
    "8f94d394a8e8fd6b1bc2f3f49f5c47e385281d5c17e65324b0f62483e37e8793",
  ],
  [
    "fffcf9f6f3f0edeae7e4e1dedbd8d5d2cfccc9c6c3c0bdbab7b4b1aeaba8a5a29f9c999693908d8a8784817e7b7875726f6c696663605d5a5754514e4b484542",
    "m/0'/2147483647'/1'/2147483646'/2'",
    "551d333177df541ad876a60ea71f00447931c0a9da16f227c11ea080d7391b8d",
  ],
] as const;

/** RFC 7748, section 5.2: scalar, u-coordinate, product. */
const X25519 = [
  [
    "a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
    "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
    "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552",
  ],
  [
    "4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
    "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493",
    "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957",
  ],
] as const;

describe("a person's key", () => {
  test.each(SLIP_10)("is derived as SLIP-0010's vectors say: %s %s", (seed, path, secret) => {
    expect(hex(HDKey.fromMasterSeed(Buffer.from(seed, "hex")).derive(path).privateKey)).toBe(secret);
  });

  test("is that of its path, and stays it", () => {
    const words = "legal winner thank year wave sausage worth useful legal winner thank yellow";
    const key = personKeyOfWords(words);
    expect(hex(key.secret)).toBe(
      hex(HDKey.fromMasterSeed(seedOfWords(words)).derive(IDENTITY_PATH).privateKey),
    );
    // Whoever changes this number makes everybody's recovery words worthless.
    expect(hex(key.publicKey)).toBe("52add8f294b0429ef893246523b881d61f75ec76d81baed73a72f49fe4995c12");
  });

  test("signs what node verifies, and verifies what node signs", () => {
    fc.assert(
      fc.property(bytes32, fc.uint8Array({ maxLength: 200 }), (seed, message) => {
        const [ours, nodes] = [personKey(seed), signingKey(seed)];
        expect(hex(ours.publicKey)).toBe(hex(nodes.publicKey));
        expect(hex(ours.sign(message))).toBe(hex(nodes.sign(message)));
        expect(verify(ours.publicKey, message, ours.sign(message))).toBe(true);
        expect(verifyBy(nodes.publicKey, message, nodes.sign(message))).toBe(true);
        expect(verifyBy(nodes.publicKey, Uint8Array.of(...message, 0), nodes.sign(message))).toBe(false);
      }),
      { numRuns: 20 },
    );
  });

  test("becomes the X25519 key that libsodium makes of it", () => {
    fc.assert(
      fc.property(bytes32, (seed) => {
        const { publicKey, agreementSecret } = personKey(seed);
        const ed = { public: Buffer.alloc(32), secret: Buffer.alloc(64) };
        libsodium.crypto_sign_seed_keypair(ed.public, ed.secret, Buffer.from(seed));
        const x = { public: Buffer.alloc(32), secret: Buffer.alloc(32) };
        libsodium.crypto_sign_ed25519_pk_to_curve25519(x.public, ed.public);
        libsodium.crypto_sign_ed25519_sk_to_curve25519(x.secret, ed.secret);
        expect(hex(agreementKeyOf(publicKey))).toBe(x.public.toString("hex"));
        expect(hex(x25519.getPublicKey(agreementSecret))).toBe(x.public.toString("hex"));
        expect(hex(agreementSecret)).toBe(x.secret.toString("hex"));
      }),
      { numRuns: 20 },
    );
  });

  test.each(X25519)("agrees as RFC 7748's vectors say: %s", (scalar, u, product) => {
    expect(hex(x25519.getSharedSecret(Buffer.from(scalar, "hex"), Buffer.from(u, "hex")))).toBe(product);
  });

  test("agrees on what node agrees on", () => {
    const raw = (prefix: string, key: Uint8Array) => Buffer.concat([Buffer.from(prefix, "hex"), key]);
    const privateKey = (key: Uint8Array) =>
      createPrivateKey({ key: raw("302e020100300506032b656e04220420", key), format: "der", type: "pkcs8" });
    const publicKey = (key: Uint8Array) =>
      createPublicKey({ key: raw("302a300506032b656e032100", key), format: "der", type: "spki" });
    fc.assert(
      fc.property(bytes32, bytes32, (a, b) => {
        const [anna, ben] = [personKey(a), personKey(b)];
        const ours = x25519.getSharedSecret(anna.agreementSecret, agreementKeyOf(ben.publicKey));
        const nodes = diffieHellman({
          privateKey: privateKey(ben.agreementSecret),
          publicKey: publicKey(agreementKeyOf(anna.publicKey)),
        });
        expect(hex(ours)).toBe(nodes.toString("hex"));
      }),
      { numRuns: 20 },
    );
  });

  test("of another length is refused, and what is no key verifies nothing", () => {
    expect(() => personKey(new Uint8Array(31))).toThrow(RangeError);
    expect(() => agreementKeyOf(new Uint8Array(31))).toThrow(RangeError);
    expect(() => agreementKeyOf(Buffer.alloc(32, 0xff))).toThrow(RangeError);
    expect(verifyBy(new Uint8Array(3), new Uint8Array(3), new Uint8Array(64))).toBe(false);
    expect(verifyBy(new Uint8Array(32), new Uint8Array(3), new Uint8Array(64))).toBe(false);
  });
});
