import { describe, expect, test } from "bun:test";
import { deflateRawSync, inflateRawSync } from "node:zlib";
import fc from "fast-check";
import { encodeCbor } from "../../../../src/identity/cbor.ts";
import type { MessageCode } from "../../../../src/lora/index.ts";
import { encodeBody } from "../../../../src/messages/bundle/body-codec.ts";
import type { Bundle } from "../../../../src/messages/bundle/bundle.ts";
import { decodeForm, encodeForm, keyHashOf, rebuild } from "../../../../src/messages/lora/bundle-form.ts";
import { LoraFormError } from "../../../../src/messages/lora/octets.ts";
import { anyBundle, bundleOf, keyOf } from "./some-bundles.ts";

/** Quick, where the box's own learns its dictionary first. */
const CODE: MessageCode = {
  encode: (message) => new Uint8Array(deflateRawSync(message)),
  decode: (coded, maxBytes) => new Uint8Array(inflateRawSync(coded, { maxOutputLength: maxBytes })),
};

describe("a bundle on LoRa", () => {
  test("is the same bundle again, whichever keys are whole in it", () => {
    fc.assert(
      fc.property(anyBundle, fc.boolean(), fc.boolean(), (bundle, sender, to) => {
        const keys = new Map([[keyHashOf(bundle.sender.key), bundle.sender.key]]);
        if (bundle.to.kind === "person") keys.set(keyHashOf(bundle.to.key), bundle.to.key);
        const whole = rebuild(decodeForm(encodeForm(bundle, { sender, to })), (hash) => keys.get(hash));
        expect(whole).toEqual({ bundle });
      }),
    );
  });

  test("names the keys that are not known here", () => {
    const bundle = bundleOf(1, { kind: "direct", to: { kind: "person", key: keyOf(2) } });
    const form = decodeForm(encodeForm(bundle, { sender: false, to: false }));
    expect(rebuild(form, () => undefined)).toEqual({ missing: [keyHashOf(keyOf(1)), keyHashOf(keyOf(2))] });
    const oneKey = rebuild(form, (hash) => (hash === keyHashOf(keyOf(1)) ? keyOf(1) : undefined));
    expect(oneKey).toEqual({ missing: [keyHashOf(keyOf(2))] });
  });

  test("takes 77 bytes beside the body where both keys are known, 64 of them for the signature", () => {
    const bundle = bundleOf(1, { kind: "direct", to: { kind: "person", key: keyOf(2) } });
    const known = { sender: false, to: false };
    expect(encodeForm(bundle, known).length).toBe(77 + bundle.body.length);
    const unsigned = { ...bundle, signature: new Uint8Array(0) };
    expect(encodeForm(unsigned, known).length).toBe(17 + bundle.body.length);
    expect(encodeForm({ ...bundle, sequence: 0x1_0000 }, known).length).toBe(79 + bundle.body.length);
  });

  test("has its head in one byte where it is one of the usual ones, and else in three", () => {
    const body = encodeBody("check-in", {
      name: "Li",
      state: "safe",
      text: "a".repeat(40),
      place: { words: "" },
    });
    const sender = { as: "guest" as const, key: keyOf(1) };
    const checkIn = bundleOf(1, { kind: "check-in", to: { kind: "everyone" }, sender, body });
    const bytesOf = (lifetimeS: number) =>
      encodeForm({ ...checkIn, lifetimeS }, { sender: false, to: false }, CODE).length;
    expect(bytesOf(30 * 86_400)).toBe(bytesOf(7 * 86_400) - 2);
    const known = { sender: false, to: false };
    const headOf = (bundle: Bundle, code?: MessageCode) => encodeForm(bundle, known, code)[0]?.toString(16);
    const usual = { ...checkIn, lifetimeS: 30 * 86_400, sequence: 7 };
    expect(headOf(usual, CODE)).toBe("f0");
    expect(headOf({ ...usual, createdS: 1_800_000_000 }, CODE)).toBe("f1");
    const room = { kind: "room" as const, room: "square" };
    const post = bundleOf(1, { kind: "post", to: room, sender, body: encodeCbor(["", "a".repeat(40), []]) });
    expect(headOf({ ...post, lifetimeS: 7 * 86_400, sequence: 7 }, CODE)).toBe("f2");
    const sealed = bundleOf(1, { kind: "direct", to: { kind: "person", key: keyOf(2) }, sequence: 2 ** 30 });
    const unsigned = { ...sealed, lifetimeS: 7 * 86_400, signature: new Uint8Array(0) };
    expect(headOf(unsigned)).toBe("f4");
    expect(headOf({ ...unsigned, createdS: 1_800_000_000 })).toBe("f5");
    const receipt = bundleOf(1, { kind: "receipt", to: { kind: "person", key: keyOf(2) }, sequence: 7 });
    expect(headOf({ ...receipt, lifetimeS: 3 * 86_400, createdS: 1_800_000_000 })).toBe("f7");
    expect(() => decodeForm(Uint8Array.of(0xff))).toThrow("bundle.kind: 15 is not known here");
  });

  test("has its body coded where that is shorter", () => {
    const text = "safe at the school, safe at the school, safe at the school";
    const body = encodeBody("check-in", { name: "Ana", state: "safe", text, place: { words: "" } });
    const bundle = bundleOf(1, { kind: "check-in", to: { kind: "everyone" }, body });
    const coded = encodeForm(bundle, { sender: true, to: false }, CODE);
    expect(coded.length).toBeLessThan(encodeForm(bundle, { sender: true, to: false }).length - 20);
    expect(decodeForm(coded, CODE).body).toEqual(body);
    expect(() => decodeForm(coded)).toThrow("bundle.body: is in a code that is not known here");
  });

  test("is refused with the field named, whatever comes, and nothing else is thrown", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        try {
          decodeForm(bytes, CODE);
        } catch (error) {
          expect(error).toBeInstanceOf(LoraFormError);
        }
      }),
      { numRuns: 2_000 },
    );
    expect(() => decodeForm(Uint8Array.of(0xa0))).toThrow("bundle.priority: what was sent ends before it");
  });
});
