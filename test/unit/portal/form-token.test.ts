import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { FormTokens } from "../../../src/portal/form-token.ts";

describe("the token of a form", () => {
  test("belongs to one address, and to that one always", () => {
    const tokens = new FormTokens();
    const token = tokens.of("10.20.0.16");
    expect(tokens.of("10.20.0.16")).toBe(token);
    expect(tokens.matches("10.20.0.16", token)).toBe(true);
    expect(tokens.matches("10.20.0.17", token)).toBe(false);
  });

  test("is 22 characters that fit into a page as they are", () => {
    expect(new FormTokens().of("fd00::1")).toMatch(/^[A-Za-z0-9_-]{22}$/);
  });

  test("of another process is worth nothing", () => {
    expect(new FormTokens().matches("10.20.0.16", new FormTokens().of("10.20.0.16"))).toBe(false);
  });

  test("cannot be guessed by text of any kind or length", () => {
    const tokens = new FormTokens();
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (guess) => {
        expect(tokens.matches("10.20.0.16", guess)).toBe(false);
      }),
    );
    const token = tokens.of("10.20.0.16");
    for (const near of ["", token.slice(1), `${token}x`, token.toLowerCase(), `${token.slice(0, 21)}é`]) {
      expect(tokens.matches("10.20.0.16", near)).toBe(near === token);
    }
  });

  test("stays the same for an address when very many others have come since", () => {
    const tokens = new FormTokens();
    const token = tokens.of("10.20.0.16");
    for (let index = 0; index < 40_000; index += 1)
      tokens.of(`10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`);
    expect(tokens.of("10.20.0.16")).toBe(token);
  });
});

describe("the token of one form among others", () => {
  const tokens = new FormTokens();
  const address = "10.20.0.16";

  test("is another for each form, and comes back as what it is", () => {
    const [first, second] = [tokens.forForm(address), tokens.forForm(address)];
    expect(first).toMatch(/^[A-Za-z0-9_-]{34}$/);
    expect(tokens.formOf(address, first)).toBe(first.slice(22));
    expect(tokens.formOf(address, second)).not.toBe(tokens.formOf(address, first));
    expect(tokens.again(address, first.slice(22))).toBe(first);
  });

  test("is none of another address, of another process, or without a form's name", () => {
    const token = tokens.forForm(address);
    expect(tokens.formOf("10.20.0.17", token)).toBeUndefined();
    expect(new FormTokens().formOf(address, token)).toBeUndefined();
    expect(tokens.formOf(address, tokens.of(address))).toBeUndefined();
    for (const name of ["a b", "é", "x".repeat(25), "\n", "<b>"])
      expect(tokens.formOf(address, `${tokens.of(address)}${name}`)).toBeUndefined();
  });
});
