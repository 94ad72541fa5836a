import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { judge, type Marks, steady, type Verdict, WELL } from "../../../../src/vm/host-first/marks.ts";

const MARKS: Marks = { high: 10, low: 5, riseMs: 3_000, fallMs: 6_000 };
/** One value a second from 0 on. @returns whether it held at each */
const over = (values: readonly (number | undefined)[], marks = MARKS): boolean[] => {
  let verdict = WELL;
  return values.map((value, second) => {
    verdict = judge(verdict, steady(value), marks, second * 1_000);
    return verdict.holds;
  });
};

describe("a mark with hysteresis", () => {
  test("holds once it has been too much for as long as it takes", () => {
    expect(over([9, 10, 11, 12, 10, 10])).toEqual([false, false, false, false, true, true]);
  });

  test("begins anew when it was below in between", () => {
    expect(over([10, 10, 10, 9, 10, 10, 10, 10])).toEqual([...Array(7).fill(false), true]);
  });

  test("goes on holding between the two marks, and for the time it takes to believe that it is over", () => {
    const held = over([10, 10, 10, 10, 7, 7, 4, 4, 4, 4, 4, 4, 4]);
    expect(held).toEqual([false, false, false, ...Array(9).fill(true), false]);
  });

  test("is over by what it amounts to, where it comes in spurts, but not in the middle of one", () => {
    const holding: Verdict = { ...WELL, holds: true };
    const lasting = (values: readonly number[], lately: number | undefined) => {
      let verdict = holding;
      return values.map((now, second) => {
        verdict = judge(verdict, { now, lately }, MARKS, second * 1_000);
        return verdict.holds;
      });
    };
    expect(lasting([4, 9, 4, 9, 4, 9, 4], 4.9)).toEqual([...Array(6).fill(true), false]);
    expect(lasting([4, 10, 4, 4, 4, 4, 4, 4, 4], 4.9)).toEqual([...Array(8).fill(true), false]);
    expect(lasting(Array(20).fill(4), 5).at(-1)).toBe(true);
    expect(lasting(Array(20).fill(4), undefined).at(-1)).toBe(true);
  });

  test("takes what cannot be measured for no sign of anything", () => {
    expect(over([10, 10, undefined, 10, 10, 10, 10]).at(-1)).toBe(true);
    expect(over([10, 10, undefined, 10, 10]).at(-1)).toBe(false);
    expect(over([10, 10, 10, 10, ...Array(20).fill(undefined)]).at(-1)).toBe(true);
  });

  test("never changes back before the time of the change has passed, whatever is measured", () => {
    fc.assert(
      fc.property(fc.array(fc.option(fc.integer({ min: 0, max: 15 }), { nil: undefined })), (values) => {
        const held = over(values);
        const changes = held.flatMap((holds, second) =>
          second > 0 && holds !== held[second - 1] ? [second] : [],
        );
        for (const [index, second] of changes.entries()) {
          const before = changes[index - 1] ?? 0;
          expect((second - before) * 1_000).toBeGreaterThanOrEqual(
            held[second] ? MARKS.riseMs : MARKS.fallMs,
          );
        }
      }),
    );
  });
});
