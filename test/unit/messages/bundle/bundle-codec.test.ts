import { describe, expect, test } from "bun:test";
import { ed25519 } from "@noble/curves/ed25519.js";
import fc from "fast-check";
import { fromBpv7, toBpv7 } from "../../../../src/messages/bundle/bpv7.ts";
import { type Bundle, BundleError, MAX_UNSIGNED_BODY_BYTES } from "../../../../src/messages/bundle/bundle.ts";
import {
  bundleId,
  decodeBundle,
  encodeBundle,
  idOfEncoded,
  isSigned,
  leaveUnsigned,
  verifyBundle,
} from "../../../../src/messages/bundle/bundle-codec.ts";
import { anyBundle, bundleOfAnyKind } from "./any-bundle.ts";

const verify = (key: Uint8Array, message: Uint8Array, signature: Uint8Array) =>
  ed25519.verify(signature, message, key);
const mayBeUnsigned = ({ kind, sender, body }: Bundle): boolean =>
  kind === "direct" && sender.as === "person" && body.length <= MAX_UNSIGNED_BODY_BYTES;

function withoutSignature({ signature, ...unsigned }: Bundle): Bundle | string {
  try {
    return leaveUnsigned(unsigned);
  } catch (error) {
    if (error instanceof BundleError) return error.field;
    throw error;
  }
}

describe("a bundle without a signature", () => {
  test("is a person's direct message, not too long, and no other", () => {
    const any = fc.oneof(bundleOfAnyKind, anyBundle("direct"));
    fc.assert(
      fc.property(any, (bundle) => {
        const without = withoutSignature(bundle);
        if (mayBeUnsigned(bundle)) expect(without).toEqual({ ...bundle, signature: new Uint8Array(0) });
        else expect(without).toBe("bundle.signature");
        const empty = { ...bundle, signature: new Uint8Array(0) };
        if (!mayBeUnsigned(bundle)) expect(() => encodeBundle(empty)).toThrow(BundleError);
      }),
      { numRuns: 60 },
    );
  });

  test("has another id than with one, and comes back as it was, also by way of RFC 9171's form", () => {
    fc.assert(
      fc.property(anyBundle("direct").filter(mayBeUnsigned), (bundle) => {
        const without = withoutSignature(bundle) as Bundle;
        const encoded = encodeBundle(without);
        expect(encoded.length).toBe(encodeBundle(bundle).length - 66);
        expect(decodeBundle(encoded)).toEqual(without);
        expect(fromBpv7(toBpv7(without, 5)).bundle).toEqual(without);
        expect(idOfEncoded(encoded)).toBe(bundleId(without));
        expect(idOfEncoded(encodeBundle(bundle))).toBe(bundleId(bundle));
        expect(bundleId(without)).not.toBe(bundleId(bundle));
      }),
      { numRuns: 30 },
    );
  });

  test("is verified by nobody", () => {
    fc.assert(
      fc.property(anyBundle("direct").filter(mayBeUnsigned), (bundle) => {
        const without = withoutSignature(bundle) as Bundle;
        expect([isSigned(bundle), verifyBundle(bundle, verify)]).toEqual([true, true]);
        expect([isSigned(without), verifyBundle(without, () => true)]).toEqual([false, false]);
      }),
      { numRuns: 10 },
    );
  });

  test("is none with a signature of another length", () => {
    const [bundle] = fc.sample(anyBundle("direct").filter(mayBeUnsigned), 1);
    for (const length of [1, 63, 65])
      expect(() => encodeBundle({ ...(bundle as Bundle), signature: new Uint8Array(length) })).toThrow(
        "bundle.signature: is not 64 bytes long",
      );
  });
});
