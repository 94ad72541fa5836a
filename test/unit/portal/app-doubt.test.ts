import { describe, expect, test } from "bun:test";
import { isLoss } from "../../../portal/app/doubt.ts";

const NOW_S = 1_800_000_000;
const MINUTE_S = 60;
const HOUR_S = 3_600;

const doubt = (changes: Partial<Parameters<typeof isLoss>[0]>) => ({
  ...{ sinceS: NOW_S, renewedS: 0, isStale: false },
  ...changes,
});

describe("what is not signed and does not open", () => {
  test("makes nobody begin anew before nothing of theirs has opened for an hour", () => {
    expect(isLoss(doubt({}), NOW_S)).toBe(false);
    expect(isLoss(doubt({}), NOW_S + 59 * MINUTE_S)).toBe(false);
    expect(isLoss(doubt({}), NOW_S + 61 * MINUTE_S)).toBe(true);
    expect(isLoss(doubt({ sinceS: 0 }), NOW_S)).toBe(false);
  });

  test("is taken for a loss at once where an export was read in", () => {
    expect(isLoss(doubt({ isStale: true }), NOW_S)).toBe(true);
    expect(isLoss(doubt({ isStale: true, sinceS: 0 }), NOW_S)).toBe(false);
  });

  test("makes both sides begin anew every six hours at most", () => {
    for (const isStale of [false, true]) {
      const lasting = doubt({ isStale, sinceS: NOW_S - 2 * HOUR_S, renewedS: NOW_S });
      expect(isLoss(lasting, NOW_S + 6 * HOUR_S)).toBe(false);
      expect(isLoss(lasting, NOW_S + 6 * HOUR_S + 1)).toBe(true);
    }
  });

  test("is not doubted for ever by a clock that was ahead", () => {
    expect(isLoss(doubt({ sinceS: NOW_S + 10 ** 8, renewedS: NOW_S + 10 ** 8 }), NOW_S)).toBe(true);
  });
});
