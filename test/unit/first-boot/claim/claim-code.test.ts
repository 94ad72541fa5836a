import { describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { isClaimCode, newClaimCode } from "../../../../src/first-boot/claim/claim-code.ts";

describe("a claim code", () => {
  test("is eight letters and digits that do not pass for others, each as likely as the next", () => {
    const seen = new Map<string, number>();
    for (let n = 0; n < 1_000; n += 1) {
      const code = newClaimCode(randomBytes);
      expect(code).toMatch(/^[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}$/);
      for (const char of code.replace("-", "")) seen.set(char, (seen.get(char) ?? 0) + 1);
    }
    expect(seen.size).toBe(32);
    // 250 of each are to be expected; ten times the standard deviation of 16 away is no chance.
    for (const count of seen.values()) expect(Math.abs(count - 250)).toBeLessThan(160);
  });

  test("is recognised as people type it", () => {
    for (const typed of ["70K1-M9QX", "70k1m9qx", " 7Okl m9qx ", "7OKI–M9QX", "70K1_M9QX"])
      expect(isClaimCode("70K1-M9QX", typed)).toBe(true);
    for (const typed of ["", "70K1-M9Q", "70K1-M9QXX", "70K1-M9QY", "x".repeat(10_000)])
      expect(isClaimCode("70K1-M9QX", typed)).toBe(false);
  });

  test("is not any other text", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 40 }), (typed) => {
        expect(isClaimCode("70K1-M9QX", typed)).toBe(
          /^70K1M9QX$/.test(
            typed
              .toUpperCase()
              .replace(/[\s\-‐-―_.]/g, "")
              .replace(/O/g, "0")
              .replace(/[IL]/g, "1"),
          ),
        );
      }),
      { numRuns: 50 },
    );
  }, 30_000);
});
