import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { quoted, ssidOf, unquoted, utf8Bytes, utf8Text } from "../../../../src/wifi/hostap-syntax/index.ts";

const hexOf = (bytes: Uint8Array | undefined) => bytes && Buffer.from(bytes).toString("hex");

describe("a text in quotations", () => {
  test.each<[string, string, string]>([
    ["letters", "abc", '"abc"'],
    ["another script", "Їжа", '"Їжа"'],
    ["a quotation mark", 'a"b', 'P"a\\x22b"'],
    ["what begins a comment elsewhere", "a#b", '"a#b"'],
    ["a backslash", "a\\x41", 'P"a\\x5cx41"'],
    ["the end of a line", "a\nb\r\0", 'P"a\\x0ab\\x0d\\x00"'],
  ])("is written with %s", (_, text, written) => {
    expect(quoted(text)).toBe(written);
    expect(hexOf(unquoted(written))).toBe(hexOf(utf8Bytes(text)));
  });

  test("comes back whole, in one line, without a mark inside, whatever it is", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        const written = quoted(text);
        expect(written).toMatch(/^P?"[^"\n\r\0]*"$/);
        const bytes = unquoted(written);
        expect(bytes && utf8Text(bytes)).toBe(text);
      }),
    );
  });

  // As wpa_supplicant 2.10 shows them with -dd.
  test.each<[string, string | undefined]>([
    ['""', ""],
    ['"a"b"', "612262"],
    ['P"\\e\\n\\r\\t\\\\\\""', "1b0a0d095c22"],
    ['P"\\x4\\x41\\x414"', "044141" + "34"],
    ['P"\\1\\12\\101\\1018"', "010a41" + "4138"],
    ['P"\\q\\X41\\xg"', "71583431" + "67"],
    ["6162", "6162"],
    ["6162C3A9", "6162c3a9"],
    ["616", undefined],
    ["zz", undefined],
    ['"a', undefined],
    ['"', undefined],
    ['P"a', undefined],
    ['"a" ', undefined],
  ])("is read as the real programs do: %s", (written, hex) => {
    expect(hexOf(unquoted(written))).toBe(hex);
  });

  test("is a name in hex where its bytes are no UTF-8, and only there", () => {
    expect(ssidOf(Buffer.from("61c3a9", "hex"))).toBe("aé");
    expect(ssidOf(Buffer.from("61c3", "hex"))).toEqual({ hex: "61c3" });
  });
});
