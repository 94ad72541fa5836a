import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { reputationOf, UNKNOWN_REPUTATION } from "../../../../src/vm/admission/index.ts";
import type { PastLease } from "../../../../src/vm/admission/reputation.ts";

const past = (outcome: string, count = 1, usedMs = 600_000): PastLease[] =>
  Array.from({ length: count }, () => ({ outcome, usedMs }));

const outcomes = [
  "released",
  "expired",
  "silent",
  "punished",
  "displaced",
  "host",
  "failed",
  "swept",
  "refused",
];
const leases = fc.array(
  fc.record({ outcome: fc.constantFrom(...outcomes), usedMs: fc.integer({ min: 0, max: 7_200_000 }) }),
  { maxLength: 40 },
);

describe("a requester's reputation", () => {
  test("is that of the unknown as long as nothing is known of them", () => {
    expect(reputationOf([])).toBe(UNKNOWN_REPUTATION);
  });

  test.each([
    ["released", 1, 55],
    ["released", 20, 83],
    ["expired", 20, 77],
    ["silent", 3, 44],
    ["punished", 1, 25],
    ["punished", 20, 2],
  ])("after leases that were %s, %d of them: %d", (outcome, count, reputation) => {
    expect(reputationOf(past(outcome, count))).toBe(reputation);
  });

  test("is not changed by what they did not do", () => {
    const others = ["displaced", "host", "failed", "swept", "refused"].flatMap((outcome) => past(outcome, 5));
    expect(reputationOf(others)).toBe(UNKNOWN_REPUTATION);
    expect(reputationOf([...others, ...past("punished")])).toBe(25);
  });

  test("is not had by asking often and giving back at once, and is lost by doing harm at once", () => {
    expect(reputationOf(past("released", 20, 59_999))).toBe(UNKNOWN_REPUTATION);
    expect(reputationOf(past("punished", 1, 10))).toBe(25);
  });

  test("comes back by twenty leases that were as they should be, and not by fewer", () => {
    expect(reputationOf([...past("released", 19), ...past("punished")])).toBeLessThan(65);
    expect(reputationOf([...past("released", 20), ...past("punished")])).toBe(83);
  });

  test("is a whole number from 0 to 100, and falls with one more that was punished", () => {
    fc.assert(
      fc.property(leases, (all) => {
        const reputation = reputationOf(all);
        expect(Number.isInteger(reputation) && reputation >= 0 && reputation <= 100).toBe(true);
        expect(reputationOf([...past("punished"), ...all])).toBeLessThanOrEqual(reputation);
      }),
      { numRuns: 500 },
    );
  });
});
