import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { encodeCbor } from "../../../../src/identity/cbor.ts";
import type { SosBody } from "../../../../src/messages/bundle/bodies.ts";
import { type BodyKind, decodeBody, encodeBody } from "../../../../src/messages/bundle/body-codec.ts";
import { BundleError, MAX_BODY_BYTES } from "../../../../src/messages/bundle/bundle.ts";
import { ANY_BODY } from "./any-body.ts";

const KINDS = Object.keys(ANY_BODY) as BodyKind[];
const SOS: SosBody = {
  text: "Water rising, two on the roof",
  name: "",
  place: { words: "" },
  people: 0,
  injured: 0,
  contact: "",
};

/** The field that an error names, or undefined when there is none. Any other error fails the test. */
function wrong(action: () => unknown): string | undefined {
  try {
    action();
    return undefined;
  } catch (error) {
    if (error instanceof BundleError) return error.field;
    throw error;
  }
}

describe("A bundle's body", () => {
  for (const kind of KINDS) {
    test(`${kind}: comes back from its bytes as it was`, () => {
      fc.assert(
        fc.property(ANY_BODY[kind], (body) => {
          expect(decodeBody(kind, encodeBody(kind, body))).toEqual(body);
        }),
        { numRuns: 200 },
      );
    });

    test(`${kind}: changed bytes are a body again, in one form, or a BundleError`, () => {
      const change = fc.record({ at: fc.nat(), to: fc.nat({ max: 255 }), cutTo: fc.nat() });
      fc.assert(
        fc.property(ANY_BODY[kind], fc.array(change, { minLength: 1, maxLength: 4 }), (body, changes) => {
          let bytes = encodeBody(kind, body);
          for (const { at, to, cutTo } of changes) {
            bytes = bytes.slice(0, cutTo % 5 === 0 ? at % (bytes.length + 1) : undefined);
            if (bytes.length > 0) bytes[at % bytes.length] = to;
          }
          wrong(() => expect(encodeBody(kind, decodeBody(kind, bytes))).toEqual(bytes));
        }),
        { numRuns: 300 },
      );
    });
  }

  test("no bytes bring a decoder down", () => {
    fc.assert(
      fc.property(fc.constantFrom(...KINDS), fc.uint8Array({ maxLength: 200 }), (kind, bytes) => {
        wrong(() => decodeBody(kind, bytes));
      }),
      { numRuns: 2_000 },
    );
  });

  test("what only claims to be long, or lies in itself without end, is refused", () => {
    const claims = [
      [0x9b, 0, 0, 0, 1, 0, 0, 0, 0],
      [0x88, 0x7b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
      [0x81, 0x5a, 0xff, 0xff, 0xff, 0xff],
    ];
    for (const claim of claims) expect(wrong(() => decodeBody("sos", Uint8Array.from(claim)))).toBe("sos");
    expect(wrong(() => decodeBody("photo", new Uint8Array(MAX_BODY_BYTES).fill(0x81)))).toBe("photo");
    expect(wrong(() => decodeBody("sos", new Uint8Array(4_097).fill(0x81)))).toBe("sos");
  });

  test("an error names the field", () => {
    const fields = [
      ["sos.text", () => encodeBody("sos", { ...SOS, text: " \n " })],
      ["sos.text", () => encodeBody("sos", { ...SOS, text: "x".repeat(1_001) })],
      ["sos.name", () => encodeBody("sos", { ...SOS, name: "x".repeat(61) })],
      ["sos.place", () => encodeBody("sos", { ...SOS, place: { words: "x".repeat(121) } })],
      ["sos.at.latitudeE6", () => encodeBody("sos", sosAt(90_000_001, 0))],
      ["sos.at.longitudeE6", () => encodeBody("sos", sosAt(0, -180_000_001))],
      ["sos.people", () => encodeBody("sos", { ...SOS, people: -1 })],
      ["sos.injured", () => encodeBody("sos", { ...SOS, injured: 0.5 })],
      ["sos.batteryPercent.value", () => encodeBody("sos", { ...SOS, batteryPercent: 101 })],
      ["sos.contact", () => encodeBody("sos", { ...SOS, contact: "x".repeat(121) })],
      [
        "check-in.name",
        () => encodeBody("check-in", { name: "", state: "safe", text: "", place: SOS.place }),
      ],
      ["post.replyTo", () => encodeBody("post", { name: "", text: "x", replyTo: "x" })],
      ["receipt.of", () => encodeBody("receipt", { state: "read", of: [], note: "" })],
      [
        "receipt.note",
        () => encodeBody("receipt", { state: "read", of: ["0".repeat(24)], note: "x".repeat(281) }),
      ],
      ["removal.reason", () => encodeBody("removal", { of: "0".repeat(24), reason: "x".repeat(201) })],
      ["photo.image", () => encodeBody("photo", { of: "0".repeat(24), image: text("<svg onload=…>") })],
      ["credentials.chain", () => encodeBody("credentials", { chain: new Uint8Array(0) })],
    ] as const;
    for (const [field, action] of fields) expect(wrong(action)).toBe(field);
  });

  test("a thousand characters are counted as people count them, not in units of UTF-16", () => {
    const flood = "🌊".repeat(1_000);
    expect(decodeBody("notice", encodeBody("notice", { level: "danger", text: flood })).text).toBe(flood);
  });

  test("a photo may be a JPEG or a WebP", () => {
    const of = "0".repeat(24);
    const image = text("RIFF\0\0\0\0WEBPVP8 ");
    expect(decodeBody("photo", encodeBody("photo", { of, image }))).toEqual({ of, image });
  });
});

describe("A text in a body", () => {
  test("keeps its lines, whatever a form ends them with", () => {
    const body = { ...SOS, text: "\r\nOne \r\nTwo\rThree\u2028Four\tFive\n\n\n\nSix\n" };
    expect(decodeBody("sos", encodeBody("sos", body)).text).toBe("One\nTwo\nThree\nFour Five\n\nSix");
  });

  test("loses what cannot be shown or turns the writing around, and keeps the joiners that scripts need", () => {
    const body = { ...SOS, text: "a\u202eb\u0007c\u200f م\u2066ی\u200cخ \ud800👩‍👧", name: "A\nB\u061c" };
    const { text: shown, name } = decodeBody("sos", encodeBody("sos", body));
    expect(shown).toBe("abc می\u200cخ 👩‍👧");
    expect(name).toBe("A B");
  });

  test("that comes from others in any other form is refused", () => {
    const untidy = [
      "a\rb",
      "a\tb",
      "a\u202eb",
      "a\u0007",
      " a",
      "a ",
      "a \nb",
      "a\n\n\nb",
      "a\u2028b",
      "\u061ca",
    ];
    for (const bad of untidy) {
      expect(wrong(() => decodeBody("notice", encodeCbor([0, bad])))).toBe("notice.text");
      expect(wrong(() => decodeBody("lookup", encodeCbor([1, bad])))).toBe("lookup.name");
    }
    expect(wrong(() => decodeBody("lookup", encodeCbor([1, "a\nb"])))).toBe("lookup.name");
    expect(decodeBody("notice", encodeCbor([0, "a\nb"])).text).toBe("a\nb");
  });

  test("is tidy for a decoder once it has been made tidy, whatever it was", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 100 }), (any) => {
        const field = wrong(() =>
          decodeBody("notice", encodeBody("notice", { level: "warning", text: any })),
        );
        expect([undefined, "notice.text"]).toContain(field);
        if (field !== undefined) expect(any.replace(/[\s\p{C}\p{Z}]/gu, "")).toBe("");
      }),
      { numRuns: 1_000 },
    );
  });
});

const text = (value: string) => new TextEncoder().encode(value);
const sosAt = (latitudeE6: number, longitudeE6: number): SosBody => ({
  ...SOS,
  place: { words: "", at: { latitudeE6, longitudeE6 } },
});
