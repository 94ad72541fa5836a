import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { Capability, LiveLease } from "../../../../src/vm/admission/index.ts";
import { fits, makeRoom, roomAtMs } from "../../../../src/vm/admission/room.ts";
import { idOf, lease, NOW_MS } from "./fixed-case.ts";

const box: Capability = { cpus: 4, memoryMiB: 1_024, diskMiB: 4_096, images: [] };
const need = { cpus: 1, memoryMiB: 256, diskMiB: 1_024 };
const ids = (...numbers: number[]) => numbers.map(idOf);

describe("making room", () => {
  test("ends nobody's lease while there is some", () => {
    expect(makeRoom(need, 100, box, [lease(1), lease(2), lease(3)], 4)).toEqual([]);
  });

  test("ends the lowest first, and of those the youngest", () => {
    const live = [
      lease(1, { priority: 10, startedMs: 5 }),
      lease(2, { priority: 10, startedMs: 7 }),
      lease(3, { priority: 10, startedMs: 6 }),
      lease(4, { priority: 20, startedMs: 9 }),
    ];
    expect(makeRoom(need, 50, box, live, 4)).toEqual(ids(2));
    expect(makeRoom({ ...need, cpus: 2 }, 50, box, live, 4)).toEqual(ids(2, 3));
    expect(makeRoom({ ...need, cpus: 4 }, 50, box, live, 4)).toEqual(ids(2, 3, 1, 4));
  });

  test("ends none that is worth as much or more", () => {
    const live = [1, 2, 3, 4].map((number) => lease(number, { priority: 50 }));
    expect(makeRoom(need, 50, box, live, 4)).toBeUndefined();
    expect(makeRoom(need, 51, box, live, 4)).toEqual(ids(1));
  });

  test("ends none at all when all that it may end is not enough", () => {
    const live = [lease(1), lease(2, { priority: 50, cpus: 3 })];
    expect(makeRoom({ ...need, cpus: 2 }, 50, box, live, 4)).toBeUndefined();
  });

  test("spares those whom a larger one behind them has made unnecessary", () => {
    const live = [lease(1, { priority: 10, startedMs: 9 }), lease(2, { priority: 20, cpus: 3 })];
    expect(makeRoom({ ...need, cpus: 3 }, 50, box, live, 4)).toEqual(ids(2));
  });

  test("spares those that have nothing of what is needed", () => {
    const live = [lease(1, { diskMiB: 0, startedMs: 9 }), lease(2, { diskMiB: 4_096 })];
    expect(makeRoom(need, 50, box, live, 4)).toEqual(ids(2));
  });

  test("says so where a box has shrunk below what it lends", () => {
    const shrunk = { ...box, cpus: 1 };
    expect(makeRoom(need, 50, shrunk, [lease(1), lease(2)], 4)).toEqual(ids(1, 2));
    expect(makeRoom(need, 10, shrunk, [lease(1), lease(2)], 4)).toBeUndefined();
  });

  test("ends as few as suffice, of lower priority only, whatever lives", () => {
    const amount = fc.nat(4);
    const some = fc.record({ cpus: amount, memoryMiB: amount, diskMiB: amount });
    const leases = fc
      .array(fc.tuple(some, fc.nat(4), fc.nat(9)), { maxLength: 7 })
      .map((all) =>
        all.map(([sizes, priority, startedMs], index) => lease(index, { ...sizes, priority, startedMs })),
      );
    const boxes = some.map(({ cpus, memoryMiB, diskMiB }) => ({
      ...{ cpus: 2 * cpus, memoryMiB: 2 * memoryMiB, diskMiB: 2 * diskMiB, images: [] },
    }));
    fc.assert(
      fc.property(some, fc.nat(5), boxes, leases, fc.nat(7), (wanted, priority, capability, live, most) => {
        const gone = makeRoom(wanted, priority, capability, live, most);
        const without = (out: readonly string[]): LiveLease[] => live.filter(({ id }) => !out.includes(id));
        const lower = live.filter((one) => one.priority < priority).map(({ id }) => id);
        if (gone === undefined) {
          expect(fits(wanted, capability, without(lower), most)).toBe(false);
          return;
        }
        expect(fits(wanted, capability, without(gone), most)).toBe(true);
        for (const id of gone) {
          expect(lower).toContain(id);
          expect(fits(wanted, capability, without(gone.filter((other) => other !== id)), most)).toBe(false);
        }
      }),
      { numRuns: 3_000 },
    );
  });
});

describe("when there is room", () => {
  test("is when as many have ended as it takes", () => {
    const live = [3, 1, 2].map((number) => lease(number, { endsMs: NOW_MS + number, memoryMiB: 341 }));
    expect(roomAtMs(need, box, live, 4)).toBe(NOW_MS + 1);
    expect(roomAtMs({ ...need, memoryMiB: 683 }, box, live, 4)).toBe(NOW_MS + 2);
    expect(roomAtMs({ ...need, memoryMiB: 1_024 }, box, live, 4)).toBe(NOW_MS + 3);
  });

  test("is never where the box itself is too small", () => {
    expect(roomAtMs({ ...need, cpus: 5 }, box, [lease(1)], 4)).toBeUndefined();
    expect(roomAtMs(need, box, [lease(1)], 0)).toBeUndefined();
    expect(roomAtMs(need, box, [], 4)).toBeUndefined();
  });
});
