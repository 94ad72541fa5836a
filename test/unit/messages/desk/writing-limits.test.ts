import { describe, expect, test } from "bun:test";
import { WritingLimits } from "../../../../src/messages/desk/writing-limits.ts";

function limits() {
  let nowMs = 0;
  const made = new WritingLimits(() => nowMs);
  return {
    takes: (...args: Parameters<WritingLimits["takes"]>) => made.takes(...args),
    pass: (seconds: number) => {
      nowMs += seconds * 1_000;
    },
  };
}

describe("what one device may write", () => {
  test("is five calls for help at once, and then one every two minutes", () => {
    const { takes, pass } = limits();
    const taken = Array.from({ length: 7 }, () => takes("sos", "a"));
    expect(taken).toEqual([true, true, true, true, true, false, false]);
    pass(119);
    expect(takes("sos", "a")).toBe(false);
    pass(2);
    expect(takes("sos", "a")).toBe(true);
    expect(takes("sos", "a")).toBe(false);
  });

  test("takes nothing from what another device may write, nor one kind from another", () => {
    const { takes } = limits();
    while (takes("post", "a"));
    expect(takes("post", "b")).toBe(true);
    expect(takes("sos", "a")).toBe(true);
  });

  test("leaves room for codes that are mistyped, and none for guessing", () => {
    const { takes, pass } = limits();
    let tried = 0;
    for (let second = 0; second < 3_600; second += 1) {
      while (takes("code", "a")) tried += 1;
      pass(1);
    }
    expect(tried).toBeGreaterThan(500);
    expect(tried).toBeLessThan(650);
  });
});
