import { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import fc from "fast-check";
import type { Journal } from "../../../../src/store/index.ts";
import {
  leaseStateText,
  parseLeaseState,
  parseLeaseStatistics,
} from "../../../../src/vm/leases/lease-row.ts";
import { LeaseStore } from "../../../../src/vm/leases/lease-store.ts";
import { StandClocks } from "../../messages/custody/store-stand.ts";
import { scratchFolders } from "../../scratch.ts";
import { anyEvent, Course } from "./lease-events.ts";
import { endsIn, leaseId, openLeases, requestOf, runningLease } from "./store-stand.ts";

const scratch = scratchFolders();
const ID = leaseId(1);

const begin = (store: LeaseStore, id: string) => store.begin(runningLease(id), requestOf(id));

describe("the store of leases", () => {
  test("journals an end once, with its reason and what the lease was for", async () => {
    const { store, journal } = openLeases(scratch(), new StandClocks());
    await begin(store, ID);
    await store.count(ID, { cpuMs: 1_200, upBytes: 5_000, rogueAttempts: 3 });
    const end = { id: ID, outcome: "punished" as const, why: "rogue traffic", usedMs: 4_000.4 };
    await Promise.all([store.end(end), store.end({ ...end, outcome: "released" })]);
    await store.end({ ...end, outcome: "expired" });
    await store.settle();
    expect(endsIn(journal)).toMatchObject([
      {
        part: "vm",
        subject: ID,
        detail: {
          ...{ outcome: "punished", why: "rogue traffic", activity: `what ${ID} is for`, usedMs: 4_000 },
          statistics: { cpuMs: 1_200, upBytes: 5_000, rogueAttempts: 3 },
        },
      },
    ]);
    expect(store.ended(10)).toMatchObject([{ id: ID, outcome: "punished", usedMs: 4_000 }]);
    expect(await store.recover()).toEqual([]);
  });

  test("gives a next daemon what was live, with the time that passed, whatever the clock on the wall says", async () => {
    const folder = scratch();
    const clocks = new StandClocks();
    const first = openLeases(folder, clocks);
    await begin(first.store, ID);
    await begin(first.store, leaseId(2));
    await first.store.keep(runningLease(ID, { phase: "suspended", usedMs: 3_000, isPressed: true }));
    clocks.time.advance(9_000);
    first.store.tick();
    first.store.close();
    first.journal.close();
    clocks.wallOffsetMs = -1e12;
    clocks.time.advance(1_000);
    const { store } = openLeases(folder, clocks);
    const [one, two, ...more] = await store.recover();
    expect(one).toMatchObject({ state: { phase: "suspended", usedMs: 3_000 }, awayMs: 10_000 });
    expect(two?.request).toEqual(requestOf(leaseId(2)));
    expect(more).toEqual([]);
  });

  test("counts what passed while the box was off by what is known of it", async () => {
    const folder = scratch();
    const clocks = new StandClocks();
    const first = openLeases(folder, clocks);
    await begin(first.store, ID);
    first.store.close();
    first.journal.close();
    clocks.reboot(60_000);
    const { store } = openLeases(folder, clocks);
    expect((await store.recover())[0]?.awayMs).toBe(60_000);
  });

  test("does not journal a second time what a daemon journalled just before it was killed", async () => {
    const folder = scratch();
    const first = openLeases(folder, new StandClocks());
    await begin(first.store, ID);
    await begin(first.store, leaseId(2));
    for (const id of [ID, leaseId(2)]) await first.store.end({ id, outcome: "released", why: "", usedMs: 1 });
    first.store.close();
    first.journal.close();
    // As it is when the kill comes between the journal and the store; and of the second one before the journal.
    const db = new Database(join(folder, "leases.sqlite"));
    db.run("UPDATE lease SET journalled = 0");
    db.close();
    const journal = new Database(join(folder, "journal.sqlite"));
    journal.query("DELETE FROM entry WHERE subject = ?").run(leaseId(2));
    journal.close();
    const again = openLeases(folder, new StandClocks());
    expect(await again.store.recover()).toEqual([]);
    expect(
      endsIn(again.journal)
        .map(({ subject }) => subject)
        .sort(),
    ).toEqual([ID, leaseId(2)]);
  });

  test("journals an end later when the journal could not be written", async () => {
    const clocks = new StandClocks();
    const folder = scratch();
    const { store: unused, journal } = openLeases(folder, clocks);
    unused.close();
    let isFull = true;
    const unsteady: Pick<Journal, "append" | "tail"> = {
      append: (...entry) => (isFull ? Promise.reject(new Error("full")) : journal.append(...entry)),
      tail: (count) => journal.tail(count),
    };
    const store = new LeaseStore({ path: join(folder, "leases.sqlite"), journal: unsteady, ...clocks });
    store.open();
    await begin(store, ID);
    expect(store.end({ id: ID, outcome: "expired", why: "", usedMs: 1 })).rejects.toThrow("full");
    await Bun.sleep(0);
    expect(store.settle()).rejects.toThrow("full");
    isFull = false;
    await store.settle();
    await store.settle();
    expect(endsIn(journal)).toMatchObject([{ subject: ID, detail: { outcome: "expired" } }]);
  });

  test("ends as swept what it cannot read", async () => {
    const folder = scratch();
    const first = openLeases(folder, new StandClocks());
    await begin(first.store, ID);
    first.store.close();
    first.journal.close();
    const db = new Database(join(folder, "leases.sqlite"));
    db.run(`UPDATE lease SET state = '{"phase":"dreaming"}'`);
    db.close();
    const { store, journal } = openLeases(folder, new StandClocks());
    expect(await store.recover()).toEqual([]);
    expect(endsIn(journal)).toMatchObject([{ detail: { outcome: "swept", activity: `what ${ID} is for` } }]);
  });

  test("has torn down what it cannot read before it ends it, and keeps its row where that fails", async () => {
    const folder = scratch();
    const first = openLeases(folder, new StandClocks());
    await begin(first.store, ID);
    await begin(first.store, leaseId(2));
    first.store.close();
    first.journal.close();
    const db = new Database(join(folder, "leases.sqlite"));
    db.run("UPDATE lease SET request = '{'");
    db.run("UPDATE lease SET id = '../../etc' WHERE id = ?", [leaseId(2)]);
    db.close();
    const { store, journal } = openLeases(folder, new StandClocks());
    const failed: string[] = [];
    const fails = () => Promise.reject(new Error("namespace: cannot be removed"));
    expect(await store.recover(fails, (id) => failed.push(id))).toEqual([]);
    expect(failed).toEqual([ID]);
    // What is no id is no part of a path.
    expect(endsIn(journal).map(({ subject }) => subject)).toEqual(["../../etc"]);
    const tornDown: string[] = [];
    await store.recover(async (id) => void tornDown.push(id));
    expect(tornDown).toEqual([ID]);
    expect(endsIn(journal).map(({ subject }) => subject)).toEqual([ID, "../../etc"]);
  });

  test("knows the past leases of one requester, the latest begun first", async () => {
    const { store } = openLeases(scratch(), new StandClocks());
    for (const [number, outcome] of [
      [1, "released"],
      [2, "punished"],
      [3, "expired"],
    ] as const) {
      await begin(store, leaseId(number));
      await store.end({ id: leaseId(number), outcome, why: "", usedMs: number });
    }
    const { requester } = requestOf(ID);
    expect(store.endedOf(requester, 2).map(({ outcome, usedMs }) => [outcome, usedMs])).toEqual([
      ["expired", 3],
      ["punished", 2],
    ]);
    expect(store.endedOf("f".repeat(64), 2)).toEqual([]);
  });

  test("remembers so many leases that are over, the latest, and none that is live is forgotten", async () => {
    const { store, journal } = openLeases(scratch(), new StandClocks(), { mostEnded: 3 });
    await begin(store, leaseId(100));
    for (let number = 1; number <= 6; number += 1) {
      await begin(store, leaseId(number));
      await store.end({ id: leaseId(number), outcome: "released", why: "", usedMs: 1 });
    }
    expect(store.ended(10).map(({ id }) => id)).toEqual([6, 5, 4].map(leaseId));
    expect((await store.recover()).map(({ state }) => state.id)).toEqual([leaseId(100)]);
    expect(endsIn(journal)).toHaveLength(6);
  });

  test("lets no request in twice, also in a next life, and remembers so many", async () => {
    const folder = scratch();
    const most = { mostSeen: { requesters: 2, each: 2 } };
    const asked = (requester: string, number: number) => ({
      id: leaseId(number),
      requester,
      createdAt: number,
    });
    const first = openLeases(folder, new StandClocks(), most);
    const seeing = first.store.see(asked("a", 1));
    expect(first.store.seen.has(asked("a", 1))).toBe(true);
    await seeing;
    for (const [requester, number] of [
      ["b", 2],
      ["a", 3],
      ["a", 4],
      ["c", 5],
    ] as const)
      await first.store.see(asked(requester, number));
    first.store.close();
    first.journal.close();
    const { store } = openLeases(folder, new StandClocks(), most);
    // Of one requester the earliest is known by its time alone; who asked longest ago is forgotten.
    for (const one of [asked("a", 1), asked("a", 3), asked("a", 4), asked("c", 5)])
      expect(store.seen.has(one)).toBe(true);
    expect([store.seen.has(asked("b", 2)), store.seen.has(asked("a", 6))]).toEqual([false, false]);
  });

  test("takes no lease with an id that there is", async () => {
    const { store } = openLeases(scratch(), new StandClocks());
    await begin(store, ID);
    expect(begin(store, ID)).rejects.toThrow("UNIQUE");
    await Bun.sleep(0);
    expect(await store.recover()).toHaveLength(1);
  });
});

describe("a lease as it lies on the medium", () => {
  test("is read as it was, in whatever state it is", () => {
    fc.assert(
      fc.property(fc.array(anyEvent, { size: "max", maxLength: 60 }), (events) => {
        const course = new Course();
        for (const event of events) {
          const what = event === "answer" ? course.answer() : event;
          if (what) course.on(what, 100);
          expect(parseLeaseState(leaseStateText(course.state))).toEqual(course.state);
        }
      }),
      { numRuns: 50 },
    );
  });

  test("may be anything", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        expect(parseLeaseState(text)).toBeUndefined();
        parseLeaseStatistics(text);
      }),
    );
  });
});
