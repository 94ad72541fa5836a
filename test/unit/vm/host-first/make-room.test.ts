import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { type RoomyLease, whoGivesWay } from "../../../../src/vm/host-first/make-room.ts";
import { byRank, compareStanding } from "../../../../src/vm/host-first/rank.ts";

const room = (memoryMiB: number, cpus = 1, diskMiB = 0) => ({ cpus, memoryMiB, diskMiB });
const NONE = room(0, 0);
const lease = (id: string, memoryMiB: number, over: Partial<RoomyLease> = {}): RoomyLease => ({
  id,
  origin: "stranger",
  priority: 0,
  startedAtMs: 0,
  room: room(memoryMiB),
  ...over,
});
const names = (leases: readonly RoomyLease[] | undefined) => leases?.map(({ id }) => id);

describe("who gives way to a higher lease", () => {
  const asking = { origin: "network" as const, priority: 0, room: room(256) };

  test("is nobody while there is room", () => {
    expect(whoGivesWay(asking, room(256), [lease("a", 512)])).toEqual([]);
  });

  test("is the lowest, and no more than are needed", () => {
    const leases = [lease("a", 256, { priority: 2 }), lease("b", 256), lease("c", 256, { priority: 1 })];
    expect(names(whoGivesWay(asking, NONE, leases))).toEqual(["b"]);
  });

  test("is not a small one when a larger one has to go in any case", () => {
    expect(
      names(whoGivesWay(asking, NONE, [lease("small", 64), lease("large", 256, { priority: 1 })])),
    ).toEqual(["large"]);
  });

  test("is never one of the same standing or above, be it younger", () => {
    const leases = [
      lease("a", 999, { origin: "network", startedAtMs: 9 }),
      lease("b", 999, { origin: "local" }),
    ];
    expect(whoGivesWay(asking, NONE, leases)).toBeUndefined();
  });

  test("is nobody when it would be in vain", () => {
    expect(whoGivesWay(asking, NONE, [lease("a", 100), lease("b", 100)])).toBeUndefined();
  });

  test("is whoever has what is missing", () => {
    const leases = [lease("a", 512), lease("b", 0, { priority: 1, room: room(0, 2) })];
    expect(names(whoGivesWay({ ...asking, room: room(256, 2) }, room(256, 0), leases))).toEqual(["b"]);
  });

  test("makes room exactly when all that are lower would, and nobody goes in vain, whatever there is", () => {
    const kinds = fc.record({ cpus: fc.nat(3), memoryMiB: fc.nat(3), diskMiB: fc.nat(3) });
    const origin = fc.constantFrom("local" as const, "network" as const, "stranger" as const);
    const some = fc.uniqueArray(
      fc.record({
        id: fc.string({ minLength: 1 }),
        origin,
        priority: fc.nat(2),
        startedAtMs: fc.nat(2),
        room: kinds,
      }),
      { selector: ({ id }) => id, maxLength: 6 },
    );
    const sum = (free: typeof NONE, leases: readonly RoomyLease[]) => ({
      cpus: leases.reduce((all, { room }) => all + room.cpus, free.cpus),
      memoryMiB: leases.reduce((all, { room }) => all + room.memoryMiB, free.memoryMiB),
      diskMiB: leases.reduce((all, { room }) => all + room.diskMiB, free.diskMiB),
    });
    const fits = (free: typeof NONE, wanted: typeof NONE) =>
      free.cpus >= wanted.cpus && free.memoryMiB >= wanted.memoryMiB && free.diskMiB >= wanted.diskMiB;
    fc.assert(
      fc.property(
        fc.record({ origin, priority: fc.nat(2), room: kinds }),
        kinds,
        some,
        (asks, free, leases) => {
          const lower = leases.filter((lease) => compareStanding(lease, asks) < 0);
          const chosen = whoGivesWay(asks, free, leases);
          expect(chosen !== undefined).toBe(fits(sum(free, lower), asks.room));
          if (!chosen) return;
          expect(lower).toEqual(expect.arrayContaining(chosen));
          expect(fits(sum(free, chosen), asks.room)).toBe(true);
          for (const spared of chosen) {
            expect(
              fits(
                sum(
                  free,
                  chosen.filter((other) => other !== spared),
                ),
                asks.room,
              ),
            ).toBe(false);
          }
          expect(chosen).toEqual([...chosen].sort(byRank));
        },
      ),
      { numRuns: 500 },
    );
  });
});
