import type { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import {
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { additive, openDatabase } from "../../../src/store/index.ts";
import { scratchFolders } from "../scratch.ts";

const scratch = scratchFolders();

const LOG = "CREATE TABLE log (step TEXT NOT NULL) STRICT";
const STEPS = [LOG, "INSERT INTO log VALUES ('one')", "INSERT INTO log VALUES ('two')"].map(additive);

const stepsOf = (db: Database) =>
  db
    .query<{ step: string }, []>("SELECT step FROM log ORDER BY rowid")
    .all()
    .map(({ step }) => step);

describe("migrations", () => {
  test("run in order on a new database", () => {
    const { db, setAside } = openDatabase(join(scratch(), "state.sqlite"), STEPS);
    expect(stepsOf(db)).toEqual(["one", "two"]);
    expect(setAside).toBeUndefined();
    db.close();
  });

  test("run once each, whenever they come", () => {
    const path = join(scratch(), "state.sqlite");
    for (const known of [1, 2, 2, 3, 3]) openDatabase(path, STEPS.slice(0, known)).db.close();
    const { db } = openDatabase(path, STEPS);
    expect(stepsOf(db)).toEqual(["one", "two"]);
    db.close();
  });

  test("take no half of one that fails, and keep those before it", () => {
    const path = join(scratch(), "state.sqlite");
    const half = additive("INSERT INTO log VALUES ('half'); INSERT INTO nowhere VALUES (1)");
    const broken = [...STEPS.slice(0, 2), half];
    expect(() => openDatabase(path, broken)).toThrow("nowhere");
    const { db } = openDatabase(path, STEPS);
    expect(stepsOf(db)).toEqual(["one", "two"]);
    db.close();
  });
});

describe("an opened database", () => {
  test("writes ahead and syncs every commit", () => {
    const { db } = openDatabase(join(scratch(), "deep", "state.sqlite"), STEPS);
    expect(db.query("PRAGMA journal_mode").get()).toEqual({ journal_mode: "wal" });
    // 2 is FULL: https://www.sqlite.org/pragma.html#pragma_synchronous
    expect(db.query("PRAGMA synchronous").get()).toEqual({ synchronous: 2 });
    db.close();
  });
});

/** Has a database for itself, as whoever closes it has for a moment: says so, and lets go of it after so many ms. */
const HOLDER = `
  const { Database } = await import("bun:sqlite");
  const [path, ms] = process.argv.slice(1);
  const db = new Database(path);
  db.run("PRAGMA locking_mode = EXCLUSIVE");
  db.run("INSERT INTO log VALUES ('held')");
  process.stdout.write("held");
  await Bun.sleep(Number(ms));
  db.close();
`;

test("a database that a last daemon is still closing is waited for, and not replaced by one in memory", async () => {
  const path = join(scratch(), "state.sqlite");
  openDatabase(path, STEPS).db.close();
  const holder = Bun.spawn([process.execPath, "-e", HOLDER, path, "500"], { stdout: "pipe" });
  await holder.stdout.getReader().read();
  const { db, volatile } = openDatabase(path, STEPS);
  expect(volatile).toBeUndefined();
  expect(stepsOf(db)).toEqual(["one", "two", "held"]);
  db.close();
  expect(await holder.exited).toBe(0);
});

describe("a medium that cannot be written", () => {
  test.each([
    [
      "a folder stands in the file's place",
      () => {
        const path = join(scratch(), "state.sqlite");
        mkdirSync(path);
        return path;
      },
    ],
    ["nobody may make a file there", () => "/proc/state.sqlite"],
    ["nobody may make its folder there", () => "/proc/no-such-folder/state.sqlite"],
  ])("leaves a database in memory that is of use, and says why: %s", (_, path) => {
    const { db, setAside, volatile } = openDatabase(path(), STEPS);
    expect(stepsOf(db)).toEqual(["one", "two"]);
    expect(setAside).toBeUndefined();
    expect(volatile).toBeString();
    db.close();
  });

  test("is not what a database is that was written: it is kept", () => {
    const { db, volatile } = openDatabase(join(scratch(), "state.sqlite"), STEPS);
    expect(volatile).toBeUndefined();
    db.close();
  });
});

describe("a file that is no database any more", () => {
  test.each([
    ["zeros", Buffer.alloc(8192)],
    ["text", Buffer.from("not a database, but long enough to be taken for one ".repeat(100))],
    ["random bytes", Buffer.from(Array.from({ length: 8192 }, (_, index) => (index * 197 + 13) % 256))],
  ])("is set aside and a new one begun: %s", (_, bytes) => {
    const path = join(scratch(), "state.sqlite");
    writeFileSync(path, bytes);
    const { db, setAside } = openDatabase(path, STEPS);
    expect(setAside).toBe(`${path}.torn`);
    expect(readFileSync(`${path}.torn`).equals(bytes)).toBe(true);
    expect(stepsOf(db)).toEqual(["one", "two"]);
    db.close();
  });

  test("is set aside again and again without filling the medium", () => {
    const folder = scratch();
    const path = join(folder, "state.sqlite");
    for (let round = 0; round < 10; round += 1) {
      writeFileSync(path, `no database ${round}`.repeat(100));
      openDatabase(path, STEPS).db.close();
    }
    const names = readdirSync(folder);
    expect(names).toContain("state.sqlite.torn");
    expect(names.length).toBeLessThanOrEqual(10);
  });
});

describe("a database cut off", () => {
  /** A database of many pages, whole on the medium without a write-ahead log. */
  const wholeDatabase = () => {
    const path = join(scratch(), "state.sqlite");
    const { db } = openDatabase(path, STEPS);
    const insert = db.query("INSERT INTO log VALUES (?)");
    for (let row = 0; row < 150; row += 1) insert.run(`row ${row} ${"x".repeat(100)}`);
    db.run("PRAGMA wal_checkpoint(TRUNCATE)");
    db.close();
    return path;
  };

  test("at any length is either opened and of use, or set aside", () => {
    const whole = wholeDatabase();
    const size = statSync(whole).size;
    for (const length of steps(0, size, 512)) {
      const path = join(scratch(), "state.sqlite");
      copyFileSync(whole, path);
      truncateSync(path, length);
      expect([length, useOf(path)]).toEqual([length, "of use"]);
    }
  }, 60_000);

  test("or with any page of it lost is either opened and of use, or set aside", () => {
    const whole = readFileSync(wholeDatabase());
    const pageSize = whole.readUInt16BE(16);
    for (const at of steps(0, whole.length, pageSize)) {
      const path = join(scratch(), "state.sqlite");
      writeFileSync(path, Buffer.from(whole).fill(0, at, at + pageSize));
      expect([at / pageSize, useOf(path)]).toEqual([at / pageSize, "of use"]);
    }
  });

  test("in the middle of its write-ahead log keeps every commit before the cut", () => {
    const folder = scratch();
    const path = join(folder, "state.sqlite");
    const { db } = openDatabase(path, STEPS);
    db.run("PRAGMA wal_autocheckpoint = 0");
    for (let row = 0; row < 40; row += 1) db.query("INSERT INTO log VALUES (?)").run(`row ${row}`);
    const size = statSync(`${path}-wal`).size;
    let most = -1;
    for (const length of [...steps(0, size, 1024), size]) {
      const copy = join(scratch(), "state.sqlite");
      copyFileSync(path, copy);
      copyFileSync(`${path}-wal`, `${copy}-wal`);
      truncateSync(`${copy}-wal`, length);
      const opened = openDatabase(copy, STEPS);
      expect(opened.setAside).toBeUndefined();
      const rows = stepsOf(opened.db).filter((step) => step.startsWith("row ")).length;
      expect(rows).toBeGreaterThanOrEqual(most);
      most = rows;
      opened.db.close();
    }
    expect(most).toBe(40);
    db.close();
  }, 60_000);
});

/** Opens a database, writes to it and reads all of it: "of use", or what went wrong. */
function useOf(path: string): string {
  const { db } = openDatabase(path, STEPS);
  try {
    db.query("INSERT INTO log VALUES ('after')").run();
    return stepsOf(db).at(-1) === "after" ? "of use" : "the row is not there";
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    db.close();
  }
}

const steps = (from: number, below: number, by: number) =>
  Array.from({ length: Math.ceil((below - from) / by) }, (_, index) => from + index * by);
