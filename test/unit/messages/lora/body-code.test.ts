import { describe, expect, test } from "bun:test";
import { deflateRawSync, inflateRawSync } from "node:zlib";
import fc from "fast-check";
import { encodeCbor } from "../../../../src/identity/cbor.ts";
import { type MessageCode, textCode } from "../../../../src/lora/index.ts";
import type { Bodies } from "../../../../src/messages/bundle/bodies.ts";
import { encodeBody } from "../../../../src/messages/bundle/body-codec.ts";
import {
  decodeBody as decodeForAir,
  encodeBody as encodeForAir,
} from "../../../../src/messages/lora/body-code.ts";

const MAX_BYTES = 4_096;
/** Makes everything shorter that can be at all, so that all of it is tried. */
const CODE: MessageCode = {
  encode: (message) => new Uint8Array(deflateRawSync(message)),
  decode: (coded, maxBytes) => new Uint8Array(inflateRawSync(coded, { maxOutputLength: maxBytes })),
};
const long = "we are safe at the school, we are safe at the school";

const places = fc.record({ words: fc.constantFrom("", "Schulhof", "мост") });
const checkIns = fc
  .record({
    name: fc.constantFrom("Ana", "李伟", "Оксана"),
    state: fc.constantFrom("safe" as const, "needs-things" as const, "on-the-move" as const, "hurt" as const),
    text: fc.constantFrom("", long, `${long}\n${long}`),
    place: places,
  })
  .map((body) => encodeBody("check-in", body));
const calls = fc
  .record({
    text: fc.constant(long),
    name: fc.constantFrom("", "Ana"),
    place: places,
    people: fc.nat(12),
    injured: fc.nat(2),
    contact: fc.constantFrom("", "a@example.org"),
  })
  .map((body) => encodeBody("sos", body));
const others = fc
  .array(fc.oneof(fc.string(), fc.nat(), fc.uint8Array({ maxLength: 20 }), fc.array(fc.string())))
  .map((value) => encodeCbor(value));

describe("a body on LoRa", () => {
  test("is the same again", () => {
    let coded = 0;
    fc.assert(
      fc.property(fc.oneof(checkIns, calls, others, fc.uint8Array({ maxLength: 80 })), (body) => {
        const bytes = encodeForAir(body, CODE);
        if (!bytes) return;
        coded += 1;
        expect(bytes.length).toBeLessThan(body.length);
        expect(decodeForAir(bytes, CODE, MAX_BYTES)).toEqual(body);
      }),
      { numRuns: 500 },
    );
    expect(coded).toBeGreaterThan(100);
  });

  test("is shorter than coded with all that is around its texts", () => {
    const text = "Reached Grandpa, he is grumpy but fine";
    const body = encodeBody("check-in", { name: "Sarah Miller", state: "safe", text, place: { words: "" } });
    const bytes = encodeForAir(body, textCode);
    expect(bytes?.length).toBeLessThan(textCode.encode(body).length - 5);
    expect(decodeForAir(bytes ?? new Uint8Array(), textCode, MAX_BYTES)).toEqual(body);
  });

  test("has its shape by the numbers that are on the air for good", () => {
    const nothing: MessageCode = { ...CODE, encode: () => new Uint8Array(0) };
    const numberOf = <K extends "check-in" | "post" | "notice" | "sos">(kind: K, body: Bodies[K]) =>
      Buffer.from(encodeForAir(encodeBody(kind, body), nothing) ?? []).toString("hex");
    const nowhere = { words: "" };
    const there = { words: "y" };
    const call = { text: "xxxxxx", name: "", place: nowhere, people: 0, injured: 0, contact: "" };
    expect([
      numberOf("check-in", { name: "A", state: "safe", text: "", place: nowhere }),
      numberOf("check-in", { name: "A", state: "hurt", text: "xxxxxx", place: there }),
      numberOf("post", { name: "", text: "xxxxxx" }),
      numberOf("post", { name: "A", text: "xxxxxx" }),
      numberOf("notice", { level: "danger", text: "xxxxxx" }),
      numberOf("sos", call),
      numberOf("sos", { ...call, name: "A", place: there, people: 3, contact: "z" }),
    ]).toEqual(["00", "0f", "10", "11", "14", "15", "34"]);
  });

  test("goes as it is where a text has what stands between two", () => {
    expect(encodeForAir(encodeCbor([`${long}\u001f${long}`, "", []]), CODE)).toBeUndefined();
    expect(encodeForAir(encodeCbor([long, "", []]), CODE)).toBeDefined();
  });

  test("is refused where its texts are not as many as its shape has places for, and where it is too long", () => {
    const texts = (...all: string[]) => CODE.encode(new TextEncoder().encode(all.join("\u001f")));
    const post = encodeForAir(encodeCbor(["", long, []]), CODE)?.[0] ?? 0;
    const withTexts = (...all: string[]) => Uint8Array.from([post, ...texts(...all)]);
    expect(decodeForAir(withTexts(long), CODE, MAX_BYTES)).toEqual(encodeCbor(["", long, []]));
    expect(() => decodeForAir(withTexts(long, long), CODE, MAX_BYTES)).toThrow("body.texts: are more than");
    expect(() => decodeForAir(withTexts(""), CODE, MAX_BYTES)).toThrow("texts: fewer than");
    expect(() => decodeForAir(withTexts(long), CODE, long.length)).toThrow("body.texts: make more than");
    expect(() => decodeForAir(withTexts(long), CODE, 10)).toThrow();
    expect(() => decodeForAir(Uint8Array.of(200), CODE, MAX_BYTES)).toThrow("body.shape: 200 is not known");
  });

  test("never becomes more than was asked for, whatever comes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.boolean(), (bytes, hasOwnShape) => {
        const all = hasOwnShape ? Uint8Array.from([255, ...bytes]) : bytes;
        try {
          expect(decodeForAir(all, textCode, 200).length).toBeLessThanOrEqual(200);
        } catch (error) {
          expect(error).toBeInstanceOf(Error);
        }
      }),
      { numRuns: 500 },
    );
  });
});
