import { describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { entropyToMnemonic } from "@scure/bip39";
import { wordlist } from "@scure/bip39/wordlists/english.js";
import fc from "fast-check";
import { fingerprint } from "../../../src/identity/index.ts";

describe("the fingerprint of a key", () => {
  test("is the beginning of BIP-39's words for the hash of the key", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 32, maxLength: 32 }),
        fc.integer({ min: 1, max: 23 }),
        (key, n) => {
          const mnemonic = entropyToMnemonic(createHash("sha256").update(key).digest(), wordlist);
          expect(fingerprint(key, n)).toBe(mnemonic.split(" ").slice(0, n).join(" "));
        },
      ),
    );
  });

  test("has four words", () => {
    expect(fingerprint(new Uint8Array(32))).toBe("grid duck problem valid");
  });

  test.each([0, 24, 1.5])("cannot have %p words", (words) => {
    expect(() => fingerprint(new Uint8Array(32), words)).toThrow(RangeError);
  });
});
