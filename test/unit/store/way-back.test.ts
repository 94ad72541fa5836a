import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { KeptDatabase, openDatabase } from "../../../src/store/index.ts";
import { scratchFolders } from "../scratch.ts";
import { addRow, rowsOf, stepsTaken, tableOf, versions } from "./versions.ts";

const scratch = scratchFolders();

/** Of three versions the second adds and the third breaks. */
const FLAGS = [true, true, false];
const ALL = versions(FLAGS);
const table = (version: number) => tableOf(FLAGS, version);

/** Opens as one of the versions, adds a row if there is one to add, and closes. @returns all rows, and what was found */
function run(path: string, version: number, row?: string, freeBytes?: number) {
  const { db, ...found } = openDatabase(path, ALL.slice(0, version), freeBytes);
  if (row !== undefined) addRow(db, table(version), row);
  const rows = rowsOf(db, table(version));
  db.close();
  return { rows, ...found };
}

const fresh = () => join(scratch(), "state.sqlite");

describe("a version that is given up, having only added", () => {
  test("leaves a database that the version before goes on with, and says so", () => {
    const path = fresh();
    run(path, 1, "one");
    run(path, 2, "two");
    expect(run(path, 1, "three")).toEqual({
      rows: ["one", "two", "three"],
      setAside: undefined,
      volatile: undefined,
      fromNewer: { kind: "goes-on", version: 2, known: 1 },
    });
    expect(readdirSync(join(path, "..")).filter((name) => !/-(wal|shm)$/.test(name))).toEqual([
      "state.sqlite",
    ]);
  });

  test("finds its own steps taken when it comes again, and rows without what they add", () => {
    const path = fresh();
    for (const [version, row] of [
      [1, "one"],
      [2, "two"],
      [1, "three"],
    ] as const)
      run(path, version, row);
    const { db, fromNewer } = openDatabase(path, ALL.slice(0, 2));
    expect(fromNewer).toBeUndefined();
    expect(stepsTaken(db)).toEqual([1, 2]);
    expect(db.query("SELECT name, of_1 FROM row_0 WHERE name = 'three'").get()).toEqual({
      name: "three",
      of_1: "",
    });
    db.close();
  });
});

describe("a version that is given up, having changed what older ones cannot read", () => {
  test("leaves a copy that the version before takes back, and its own beside it", () => {
    const path = fresh();
    run(path, 2, "before");
    run(path, 3, "after");
    expect(run(path, 2, "later")).toEqual({
      rows: ["before", "later"],
      setAside: undefined,
      volatile: undefined,
      fromNewer: { kind: "copy-taken-back", setAside: `${path}.newer.1` },
    });
    expect(run(`${path}.newer.1`, 3).rows).toEqual(["before", "after"]);
    expect(existsSync(`${path}.before`)).toBe(false);
  });

  test("takes its steps again when it comes again, with what was written meanwhile", () => {
    const path = fresh();
    run(path, 2, "before");
    run(path, 3, "after");
    run(path, 2, "later");
    expect(run(path, 3).rows).toEqual(["before", "later"]);
    expect(run(path, 2).rows).toEqual(["before", "later"]);
    expect([1, 2].map((n) => existsSync(`${path}.newer.${n}`))).toEqual([true, true]);
  });

  test("takes the copy before all its steps, however old the version before is", () => {
    const path = fresh();
    run(path, 1, "before");
    run(path, 3, "after");
    expect(run(path, 1).rows).toEqual(["before"]);
  });

  test("leaves no more than three databases aside, however often it is tried", () => {
    const path = fresh();
    for (let round = 0; round < 8; round += 1) {
      run(path, 2, `before ${round}`);
      run(path, 3, `after ${round}`);
    }
    expect(run(path, 2).rows).toHaveLength(8);
    const aside = readdirSync(join(path, "..")).filter((name) => name.includes(".newer."));
    expect(aside.sort()).toEqual([1, 2, 3].map((n) => `state.sqlite.newer.${n}`));
    expect(run(`${path}.newer.3`, 3).rows).toContain("after 7");
  });

  test("takes a copy of its own, whatever one was left that was killed before its steps", () => {
    const path = fresh();
    run(path, 2, "before");
    writeFileSync(`${path}.before`, readFileSync(path));
    run(path, 2, "later");
    run(path, 3);
    expect(run(path, 2).rows).toEqual(["before", "later"]);
  });

  test.each([
    ["is gone", (path: string) => renameSync(`${path}.before`, `${path}.elsewhere`)],
    ["is no database", (path: string) => writeFileSync(`${path}.before`, "no copy ".repeat(500))],
    [
      "is cut off",
      (path: string) => writeFileSync(`${path}.before`, readFileSync(`${path}.before`).subarray(0, 5000)),
    ],
  ])("leaves a new database where the copy %s, and its own beside it", (_, spoil) => {
    const path = fresh();
    run(path, 2, "before");
    run(path, 3, "after");
    spoil(path);
    expect(run(path, 2, "later")).toEqual({
      rows: ["later"],
      setAside: undefined,
      volatile: undefined,
      fromNewer: { kind: "begun-anew", setAside: `${path}.newer.1`, version: 3, known: 2 },
    });
    expect(run(`${path}.newer.1`, 3).rows).toEqual(["before", "after"]);
  });

  test("leaves the same where it was killed before it could close", () => {
    const path = fresh();
    run(path, 2, "before");
    const { db } = openDatabase(path, ALL);
    addRow(db, table(3), "in the log alone");
    const killed = fresh();
    for (const suffix of ["", "-wal", ".before"])
      writeFileSync(`${killed}${suffix}`, readFileSync(`${path}${suffix}`));
    db.close();
    expect(run(killed, 2).rows).toEqual(["before"]);
    expect(run(`${killed}.newer.1`, 3).rows).toEqual(["before", "in the log alone"]);
  });

  test("leaves it also where the power was cut while the copy was being taken back", () => {
    const path = fresh();
    run(path, 2, "before");
    const { db } = openDatabase(path, ALL);
    addRow(db, table(3), "in the log alone");
    const cut = fresh();
    writeFileSync(`${cut}.newer.1`, readFileSync(path));
    writeFileSync(`${cut}-wal`, readFileSync(`${path}-wal`));
    writeFileSync(`${cut}.before`, readFileSync(`${path}.before`));
    db.close();
    expect(run(cut, 2)).toMatchObject({
      rows: ["before"],
      fromNewer: { kind: "copy-taken-back", setAside: `${cut}.newer.1` },
    });
    expect(run(`${cut}.newer.1`, 3).rows).toEqual(["before", "in the log alone"]);
  });
});

describe("a medium without room for a copy", () => {
  test("keeps the database as it is, and the version serves from memory and says why", () => {
    const path = fresh();
    run(path, 2, "before");
    const { volatile, rows } = run(path, 3, "after", 1_000_000);
    expect(volatile).toContain("no room for a copy");
    expect(rows).toEqual(["after"]);
    expect(run(path, 2).rows).toEqual(["before"]);
    expect(run(path, 3, undefined, 2 * statSync(path).size + 64 * 1024 * 1024).rows).toEqual(["before"]);
  });

  test("is enough for steps that only add", () => {
    const path = fresh();
    run(path, 1, "before");
    expect(run(path, 2, undefined, 0)).toMatchObject({ rows: ["before"], volatile: undefined });
  });
});

describe("the copy", () => {
  test("goes when a version has run with its own database for long enough", async () => {
    const path = fresh();
    run(path, 2, "before");
    run(path, 3);
    const kept = new KeptDatabase("test", path, ALL, 5);
    kept.open();
    expect(existsSync(`${path}.before`)).toBe(true);
    while (existsSync(`${path}.before`)) await new Promise((resolve) => setTimeout(resolve, 1));
    kept.close();
    expect(run(path, 3).rows).toEqual(["before"]);
  });

  test("stays where a version is closed before that", async () => {
    const path = fresh();
    run(path, 2, "before");
    run(path, 3);
    const kept = new KeptDatabase("test", path, ALL, 5);
    kept.open();
    kept.close();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(run(path, 2).rows).toEqual(["before"]);
  });
});

describe("any versions that come and go", () => {
  type Kept = { version: number; oldest: number; rows: string[] };

  test("find what they may read, lose nothing that is not set aside, and take no step twice", () => {
    const flags = fc.array(fc.boolean(), { minLength: 2, maxLength: 5 });
    const visits = fc.array(fc.nat(4), { minLength: 2, maxLength: 8 });
    fc.assert(
      fc.property(flags, visits, (isAdditive, comings) => {
        const path = fresh();
        const all = versions(isAdditive);
        const oldestAt = (version: number) =>
          Math.max(
            0,
            ...isAdditive.map((adds, index) => (!adds && index > 0 && index < version ? index + 1 : 0)),
          );
        let now: Kept = { version: 0, oldest: 0, rows: [] };
        let copy: Kept | undefined;
        for (const [turn, coming] of comings.entries()) {
          const version = (coming % all.length) + 1;
          const isShutOut = now.version > version && now.oldest > version;
          let expected = now.version > version ? "goes-on" : undefined;
          if (isShutOut) {
            const takesBack = copy && (copy.version <= version || copy.oldest <= version);
            expected = takesBack ? "copy-taken-back" : "begun-anew";
            now = takesBack && copy ? copy : { version: 0, oldest: 0, rows: [] };
            if (takesBack) copy = undefined;
          }
          if (now.version < version) {
            const breaks = now.version > 0 && oldestAt(version) > now.version;
            if (breaks) copy = structuredClone(now);
            now = { ...now, version, oldest: oldestAt(version) };
          }
          now.rows.push(`row ${turn}`);
          const { db, fromNewer, volatile, setAside } = openDatabase(path, all.slice(0, version));
          const name = tableOf(isAdditive, Math.max(version, now.oldest));
          addRow(db, name, `row ${turn}`);
          expect([volatile, setAside, fromNewer?.kind]).toEqual([undefined, undefined, expected as never]);
          expect(rowsOf(db, name)).toEqual(now.rows);
          expect(stepsTaken(db)).toEqual(Array.from({ length: now.version }, (_, index) => index + 1));
          db.close();
          expect(existsSync(`${path}.before`)).toBe(copy !== undefined);
        }
      }),
      { numRuns: 25 },
    );
  }, 60_000);
});
