import { describe, expect, test } from "bun:test";
import { createPrivateKey, generateKeyPairSync } from "node:crypto";
import { hkdfSha256, memberKey, signingKey, verify } from "../../../src/identity/signing-key.ts";

const bytes = (hex: string) => Uint8Array.from(Buffer.from(hex, "hex"));
const hex = (value: Uint8Array) => Buffer.from(value).toString("hex");

describe("Ed25519", () => {
  // RFC 8032, section 7.1, tests 1 to 3.
  test.each([
    {
      seed: "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
      publicKey: "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
      message: "",
      signature:
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    },
    {
      seed: "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
      publicKey: "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
      message: "72",
      signature:
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    },
    {
      seed: "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
      publicKey: "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
      message: "af82",
      signature:
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    },
  ])("signs $message as RFC 8032 does", ({ seed, publicKey, message, signature }) => {
    const key = signingKey(bytes(seed));
    expect(hex(key.publicKey)).toBe(publicKey);
    expect(hex(key.sign(bytes(message)))).toBe(signature);
    expect(verify(key.publicKey, bytes(message), bytes(signature))).toBe(true);
  });

  test("verifies nothing else: another message, key or signature, or what is none", () => {
    const key = signingKey(new Uint8Array(32).fill(1));
    const other = signingKey(new Uint8Array(32).fill(2));
    const message = Buffer.from("yes");
    const signature = key.sign(message);
    const broken = Uint8Array.from(signature);
    broken[3] = (broken[3] ?? 0) ^ 1;
    expect(verify(key.publicKey, message, signature)).toBe(true);
    expect(verify(key.publicKey, Buffer.from("no"), signature)).toBe(false);
    expect(verify(other.publicKey, message, signature)).toBe(false);
    expect(verify(key.publicKey, message, broken)).toBe(false);
    expect(verify(key.publicKey, message, signature.subarray(1))).toBe(false);
    expect(verify(new Uint8Array(31), message, signature)).toBe(false);
    expect(verify(new Uint8Array(32).fill(255), message, signature)).toBe(false);
  });

  test("takes a seed of 32 bytes and no other", () => {
    expect(() => signingKey(new Uint8Array(31))).toThrow("31 bytes, not 32");
  });
});

describe("HKDF", () => {
  // RFC 5869, appendix A.1 and A.3.
  test.each([
    {
      secret: "0b".repeat(22),
      salt: "000102030405060708090a0b0c",
      info: "f0f1f2f3f4f5f6f7f8f9",
      okm: "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
    },
    {
      secret: "0b".repeat(22),
      salt: "",
      info: "",
      okm: "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8",
    },
  ])("derives as RFC 5869 does with the info $info", ({ secret, salt, info, okm }) => {
    expect(hex(hkdfSha256(bytes(secret), bytes(salt), bytes(info), 42))).toBe(okm);
  });
});

describe("a device's key in a network", () => {
  const device = generateKeyPairSync("ed25519");
  const [network, another] = [new Uint8Array(32).fill(7), new Uint8Array(32).fill(8)];
  const keyIn = (of: typeof device, key: Uint8Array, generation?: number) =>
    hex(memberKey(of, key, generation).publicKey);

  test("is always the same, and another one in every network, on every device and after every expulsion", () => {
    expect(keyIn(device, network)).toBe(keyIn(device, network, 0));
    const keys = [
      keyIn(device, network),
      keyIn(device, another),
      keyIn(generateKeyPairSync("ed25519"), network),
      keyIn(device, network, 1),
    ];
    expect(new Set(keys).size).toBe(4);
  });

  test("is not the device's own", () => {
    const own = Buffer.from(device.publicKey.export({ format: "jwk" }).x ?? "", "base64url");
    expect(keyIn(device, network)).not.toBe(own.toString("hex"));
  });

  test("follows from HKDF over the device's seed, so that it stays what it is", () => {
    const seed = new Uint8Array(32).fill(9);
    const privateKey = signingKeyObject(seed);
    const info = Buffer.concat([Buffer.from("omerta-box member key 1\0"), new Uint8Array(4)]);
    expect(hex(memberKey({ privateKey }, network).seed)).toBe(hex(hkdfSha256(seed, network, info, 32)));
    expect(hex(memberKey({ privateKey }, network).publicKey)).toBe(
      "98d05920e0ba7b6d44b5f6b223f4bb34800c05d2062e5909be1fd839dc3c4ffe",
    );
  });
});

function signingKeyObject(seed: Uint8Array) {
  const { privateKey } = generateKeyPairSync("ed25519");
  const der = Buffer.from(privateKey.export({ format: "der", type: "pkcs8" }));
  der.set(seed, der.length - 32);
  return createPrivateKey({ key: der, format: "der", type: "pkcs8" });
}
