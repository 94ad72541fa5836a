import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { SeenRequests } from "../../../../src/vm/admission/index.ts";
import { idOf, keyOf } from "./fixed-case.ts";

const asked = (number: number, createdAt = number, requester = 1) => ({
  ...{ id: idOf(number), requester: keyOf(requester), createdAt },
});

describe("requests that were seen", () => {
  test("are known, and others not", () => {
    const seen = new SeenRequests();
    seen.add(asked(5));
    expect([asked(5), asked(6), asked(5, 5, 2)].map((one) => seen.has(one))).toEqual([true, false, false]);
  });

  test("are known by their id, whatever time they say they are of", () => {
    const seen = new SeenRequests();
    seen.add(asked(5, 100));
    expect(seen.has(asked(5, 999_999))).toBe(true);
  });

  test("are known by their time when there are more than are kept, in whatever order they came", () => {
    const seen = new SeenRequests([], { requesters: 10, each: 3 });
    for (const time of [50, 10, 40, 20, 30]) seen.add(asked(time));
    for (const time of [10, 20, 30, 40, 50]) expect(seen.has(asked(time))).toBe(true);
    // Never here, but no later than what is known by its time alone.
    expect(seen.has(asked(15))).toBe(true);
    expect(seen.has(asked(21))).toBe(false);
    expect(seen.kept()[0]?.later).toHaveLength(3);
  });

  test("of who asked longest ago go first when too many ask", () => {
    const seen = new SeenRequests([], { requesters: 2, each: 3 });
    for (const requester of [1, 2, 1, 3]) seen.add(asked(requester * 10 + seen.kept().length, 5, requester));
    expect(seen.kept().map(({ requester }) => requester)).toEqual([keyOf(1), keyOf(3)]);
  });

  test("are remembered by the latest of their times, where one id came with several", () => {
    const seen = new SeenRequests([], { requesters: 6, each: 4 });
    seen.add(asked(1, 40, 0));
    seen.add(asked(1, 5, 0));
    for (const number of [2, 3, 4, 5]) seen.add(asked(number, 10 + number, 0));
    expect(seen.has(asked(1, 40, 0))).toBe(true);
  });

  test("are never more than is said, and no request that is kept is let in twice", () => {
    const step = fc.record({ number: fc.nat(60), createdAt: fc.nat(40), requester: fc.nat(5) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        let seen = new SeenRequests([], { requesters: 6, each: 4 });
        const before: ReturnType<typeof asked>[] = [];
        for (const { number, createdAt, requester } of steps) {
          const one = asked(number, createdAt, requester);
          seen.add(one);
          before.push(one);
          for (const old of before) expect(seen.has(old)).toBe(true);
          expect(seen.kept().every(({ later }) => later.length <= 4)).toBe(true);
          // As after a start of the daemon.
          seen = new SeenRequests(JSON.parse(JSON.stringify(seen.kept())), { requesters: 6, each: 4 });
        }
      }),
      { numRuns: 300 },
    );
  });
});
