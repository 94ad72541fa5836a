import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  agreementKey,
  agreementKeyOf,
  agreementPublicKey,
  CheckpointError,
  openSealedKey,
  sealKey,
} from "../../../../src/vm/checkpoint/index.ts";
import { hex, requester, stranger } from "../request/fixed-request.ts";
import { countingBytes, FILE_KEY } from "./fixed-checkpoint.ts";

const own = agreementKeyOf(requester);
const sealedFor = (purpose: "requester" | "box") =>
  sealKey(FILE_KEY, own.publicKey, purpose, countingBytes());

describe("the key of a saved machine", () => {
  test("is sealed by its requester's public key alone, and opened by the key that they sign with", () => {
    expect(hex(agreementPublicKey(hex(requester.publicKey)))).toBe(hex(own.publicKey));
    expect(openSealedKey(sealedFor("requester"), own, "requester")).toEqual(FILE_KEY);
  });

  test("has bytes that must not change", () => {
    expect(hex(sealedFor("requester"))).toBe(
      "eab18339d160ed2461eb358dadbedbd547ac50a62c007d16cb5400eb92bd4f02fe0eba979deb2afdfd63352674e4d43cefaa4fb7f20b22b8664489477e0b03c730a38700b0cdb2a8f090823e965c8179",
    );
  });

  test("is opened by nobody else, for nothing else, and not when one bit of it is another", () => {
    const refused = (read: () => unknown) => expect(read).toThrow(CheckpointError);
    refused(() => openSealedKey(sealedFor("requester"), agreementKeyOf(stranger), "requester"));
    refused(() => openSealedKey(sealedFor("requester"), own, "box"));
    refused(() => openSealedKey(sealedFor("box"), own, "requester"));
    fc.assert(
      fc.property(fc.nat(79), fc.nat(7), (at, bit) => {
        const sealed = sealedFor("box");
        sealed[at] = (sealed[at] ?? 0) ^ (1 << bit);
        // X25519 takes no notice of a point's last bit; that it is another point's name changes the key.
        refused(() => openSealedKey(sealed, own, "box"));
      }),
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 90 }), (bytes) => {
        refused(() => openSealedKey(bytes, own, "box"));
      }),
    );
  });

  test("is sealed to no point with which nothing is secret", () => {
    for (const point of [new Uint8Array(32), Uint8Array.of(1, ...new Array<number>(31).fill(0))])
      expect(() => sealKey(FILE_KEY, point, "box", countingBytes())).toThrow("nothing is secret");
    expect(() => agreementPublicKey("ff".repeat(32))).toThrow(CheckpointError);
  });

  test("is sealed for a box by a key of that box's own", () => {
    const boxKey = agreementKey(new Uint8Array(32).fill(77));
    const sealed = sealKey(FILE_KEY, boxKey.publicKey, "box", countingBytes(5));
    expect(openSealedKey(sealed, boxKey, "box")).toEqual(FILE_KEY);
  });
});
