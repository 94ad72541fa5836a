import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { agreement } from "../../../src/time/agreement.ts";

const RULES = { least: 3, withinMs: 60_000 };
const T = 1_790_000_000_000;

const honest = fc.array(fc.integer({ min: T - 30_000, max: T + 30_000 }), { minLength: 3, maxLength: 40 });
const lie = fc.oneof(
  fc.integer({ min: 0, max: 4 * T }),
  fc.double(),
  fc.integer({ min: T - 90_000, max: T + 90_000 }),
);

describe("what most say", () => {
  test("lies among those who are right as long as they are more, whatever the others say", () => {
    fc.assert(
      fc.property(honest, fc.array(lie, { maxLength: 60 }), fc.boolean(), (right, wrong, front) => {
        const lies = wrong.slice(0, right.length - 1);
        const said = front ? [...lies, ...right] : [...right, ...lies];
        const agreed = agreement(said, RULES);
        expect(agreed).toBeDefined();
        expect(agreed?.middleMs).toBeGreaterThanOrEqual(Math.min(...right));
        expect(agreed?.middleMs).toBeLessThanOrEqual(Math.max(...right));
        // Who is right is no farther from the middle than is said.
        expect(agreed?.voices).toBeGreaterThanOrEqual(right.length);
      }),
    );
  });

  test("does not depend on who spoke first", () => {
    fc.assert(
      fc.property(fc.array(fc.integer(), { maxLength: 30 }), (said) => {
        expect(agreement(said.toReversed(), RULES)).toEqual(agreement(said, RULES));
      }),
    );
  });

  test("is nothing where too few agree, or as many do not", () => {
    expect(agreement([], RULES)).toBeUndefined();
    expect(agreement([T, T], RULES)).toBeUndefined();
    expect(agreement([T, T, T, T + 1e9, T + 2e9, T - 1e9], RULES)).toBeUndefined();
    expect(agreement([T, T + 1_000, T + 2_000], RULES)).toEqual({
      middleMs: T + 1_000,
      spreadMs: 1_000,
      voices: 3,
    });
  });
});
