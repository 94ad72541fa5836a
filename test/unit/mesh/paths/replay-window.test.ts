import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { ReplayWindow } from "../../../../src/mesh/paths/replay-window.ts";

describe("a replay window", () => {
  test("takes each number once, whatever the order, as far back as its size", () => {
    // Steps that stay within the window, and some that leap far beyond it.
    const steps = fc.array(fc.oneof(fc.integer({ min: -80, max: 80 }), fc.integer({ min: 60, max: 5_000 })), {
      maxLength: 300,
    });
    fc.assert(
      fc.property(steps, (all) => {
        const window = new ReplayWindow(64);
        const seen = new Set<number>();
        let largest = -1;
        let at = 0;
        for (const step of all) {
          at = Math.max(0, at + step);
          const isExpected = !seen.has(at) && at >= largest + 1 - 64;
          expect(window.isNew(at)).toBe(isExpected);
          expect(window.add(at)).toBe(isExpected);
          if (isExpected) seen.add(at);
          largest = Math.max(largest, at);
        }
      }),
      { numRuns: 500 },
    );
  });

  test("goes up to the largest counter", () => {
    const window = new ReplayWindow();
    expect(window.size).toBeGreaterThanOrEqual(1_024);
    expect(window.add(0)).toBe(true);
    expect(window.add(Number.MAX_SAFE_INTEGER)).toBe(true);
    expect(window.add(Number.MAX_SAFE_INTEGER)).toBe(false);
    expect(window.add(Number.MAX_SAFE_INTEGER - 2_047)).toBe(true);
    expect(window.add(Number.MAX_SAFE_INTEGER - 2_048)).toBe(false);
    expect(window.add(0)).toBe(false);
  });

  test("has a size that is a multiple of 32", () => {
    expect(() => new ReplayWindow(100)).toThrow(RangeError);
  });
});
