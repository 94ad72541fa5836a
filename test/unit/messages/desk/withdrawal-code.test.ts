import { describe, expect, test } from "bun:test";
import { seededRandom } from "../../../../src/bench/seeded-random.ts";
import { newWithdrawalCode, tidyWithdrawalCode } from "../../../../src/messages/desk/withdrawal-code.ts";

const random32 = (seed: number) => {
  const random = seededRandom(seed);
  return () => Math.floor(random() * 2 ** 32);
};

describe("the code that takes a message back", () => {
  test("is twelve digits in three groups, and another one each time", () => {
    const next = random32(1);
    const codes = Array.from({ length: 1_000 }, () => newWithdrawalCode(next));
    for (const code of codes) expect(code).toMatch(/^\d{4}-\d{4}-\d{4}$/);
    expect(new Set(codes).size).toBe(1_000);
  });

  test("takes no number that would make some digits likelier than others", () => {
    const numbers = [2 ** 32 - 1, 17, 2 ** 32 - 2, 9_999, 10_000];
    expect(newWithdrawalCode(() => numbers.shift() ?? 0)).toBe("0017-9999-0000");
  });

  test("is understood however it is typed", () => {
    const code = "4829-1350-7716";
    for (const typed of [
      code,
      "482913507716",
      " 4829 1350 7716 ",
      "٤٨٢٩-١٣٥٠-٧٧١٦",
      "۴۸۲۹۱۳۵۰۷۷۱۶",
      "४८२९१३५०७७१६",
    ])
      expect(tidyWithdrawalCode(typed)).toBe(code);
  });

  test("is none with digits too few or too many, or without any", () => {
    for (const typed of ["", "hello", "48291350771", "4829135077160", "4".repeat(10_000)])
      expect(tidyWithdrawalCode(typed)).toBeUndefined();
  });
});
