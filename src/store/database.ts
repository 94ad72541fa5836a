import { Database } from "bun:sqlite";
import { existsSync, mkdirSync, renameSync, rmSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { type Form, type Migration, planMigration } from "./migration.ts";
import { copyOf, keepCopy, lastSetAside, setAsideNewer, takeCopyBack } from "./way-back.ts";

/** A file that is a database no more. */
class UnreadableError extends Error {}

/** A database that a newer version has left in a form that this one must not touch. */
class TooNewError extends Error {
  constructor(readonly version: number) {
    super(`it is of version ${version}`);
  }
}

/** What a newer version that was here before has left. `version` is its database's, `known` the newest known here. */
export type FromNewer =
  /** A database that this version may go on with; what it does not know in it it leaves alone. */
  | { kind: "goes-on"; version: number; known: number }
  /** One that it may not: the copy from before the change is in its place. */
  | { kind: "copy-taken-back"; setAside: string | undefined }
  /** The same, and there was no copy: a new database has begun. */
  | { kind: "begun-anew"; setAside: string; version: number; known: number };

export interface OpenedDatabase {
  db: Database;
  /** Why nothing is kept: the medium cannot be written, and the database lives in memory alone. */
  volatile: string | undefined;
  /** The name under which an unreadable file was set aside, if there was one. */
  setAside: string | undefined;
  /** Undefined where no newer version was here, or this is it. */
  fromNewer?: FromNewer | undefined;
}

/**
 * Opens an SQLite database in WAL mode with `synchronous=FULL`: a commit that returned survives a power cut
 * (https://www.sqlite.org/wal.html). Migrations run once each, in order, `PRAGMA user_version` counts them, and a table says
 * which versions may go on with it. A file that is no database any more is set aside and a new one begun.
 *
 * A database of a newer version, which an update that was given up has left, never keeps the box from starting: where it says
 * that older versions may, this one goes on with it; otherwise the copy from before takes its place, and where there is none a
 * new one is begun. To refuse would be right for one database and wrong for the box, whose network would stay shut. The newer
 * one is set aside, for the operator: what two versions have written apart from each other is merged by nobody.
 * @param freeBytes what the medium has, where that is not asked of it
 */
export function openDatabase(
  path: string,
  migrations: readonly Migration[],
  freeBytes?: number,
): OpenedDatabase {
  let setAside: string | undefined;
  let fromNewer: FromNewer | undefined;
  const opened = () => {
    const { db, newer } = migrated(path, migrations, freeBytes);
    return { db, setAside, volatile: undefined, fromNewer: fromNewer ?? newer };
  };
  try {
    if (path !== ":memory:") {
      mkdirSync(dirname(path), { recursive: true });
      // A power cut has come between the two halves of taking it back.
      if (takeCopyBack(path)) fromNewer = { kind: "copy-taken-back", setAside: lastSetAside(path) };
    }
    return opened();
  } catch (error) {
    try {
      if (error instanceof TooNewError) fromNewer = leaveToNewer(path, error.version, migrations);
      else if (isUnreadable(error)) setAside = setAsideDatabase(path);
      else return inMemory(error, migrations);
      return opened();
    } catch (second) {
      return inMemory(second, migrations);
    }
  }
}

function leaveToNewer(path: string, version: number, migrations: readonly Migration[]): FromNewer {
  const isOfUse = isReadableHere(copyOf(path), migrations);
  const setAside = setAsideNewer(path);
  if (isOfUse && takeCopyBack(path)) return { kind: "copy-taken-back", setAside };
  return { kind: "begun-anew", setAside, version, known: migrations.length };
}

/** A full or read-only medium: the box serves all the same, and forgets. */
function inMemory(reason: unknown, migrations: readonly Migration[]): OpenedDatabase {
  const volatile = reason instanceof Error ? reason.message : String(reason);
  const { db } = migrated(":memory:", migrations, undefined);
  return { db, setAside: undefined, volatile };
}

function migrated(
  path: string,
  migrations: readonly Migration[],
  freeBytes: number | undefined,
): { db: Database; newer: FromNewer | undefined } {
  const db = new Database(path, { create: true, strict: true });
  try {
    // First: the next line meets the lock of whoever is just closing it, as the last daemon of a box that restarts.
    db.run("PRAGMA busy_timeout = 5000");
    db.run("PRAGMA journal_mode = WAL");
    db.run("PRAGMA synchronous = FULL");
    db.run("PRAGMA foreign_keys = ON");
    checkQuickly(db, path);
    const { version, oldest } = formOf(db);
    const plan = planMigration(version, oldest, migrations);
    if (plan.kind === "too-new") {
      emptyLog(db);
      throw new TooNewError(version);
    }
    if (plan.kind === "newer") return { db, newer: { kind: "goes-on", version, known: migrations.length } };
    if (plan.breaks) keepCopy(db, path, freeBytes);
    for (const { sql, form } of plan.steps) {
      db.transaction(() => {
        for (const one of sql) db.run(one);
        writeForm(db, form);
      })();
    }
    return { db, newer: undefined };
  } catch (error) {
    db.close();
    throw error;
  }
}

/** A database is about to be renamed, and its log with it: the less is in that, the better. A full medium keeps it as it is. */
function emptyLog(db: Database): void {
  try {
    db.run("PRAGMA wal_checkpoint(TRUNCATE)");
  } catch {
    // It goes along under the same name, and is found again beside it.
  }
}

function formOf(db: Database): { version: number; oldest: number | undefined } {
  const row = db.query<{ user_version: number }, []>("PRAGMA user_version").get();
  const isRecorded = db.query("SELECT 1 FROM sqlite_schema WHERE name = 'schema_readers'").get() !== null;
  const recorded = isRecorded
    ? db.query<{ oldest: number }, []>("SELECT oldest FROM schema_readers").get()
    : null;
  return { version: row?.user_version ?? 0, oldest: recorded?.oldest };
}

function writeForm(db: Database, { version, oldest }: Form): void {
  db.run(
    "CREATE TABLE IF NOT EXISTS schema_readers (only INTEGER PRIMARY KEY CHECK (only = 1), oldest INTEGER NOT NULL) STRICT",
  );
  db.run("INSERT OR REPLACE INTO schema_readers (only, oldest) VALUES (1, ?)", [oldest]);
  db.run(`PRAGMA user_version = ${version}`);
}

/** Whether a file is a database that this version may have. Nothing in it is changed. */
function isReadableHere(path: string, migrations: readonly Migration[]): boolean {
  if (!existsSync(path)) return false;
  try {
    const db = new Database(path, { readonly: true });
    try {
      checkQuickly(db, path);
      const { version, oldest } = formOf(db);
      return planMigration(version, oldest, migrations).kind !== "too-new";
    } finally {
      db.close();
    }
  } catch {
    return false;
  }
}

/** A larger file would keep the box from starting for too long on a slow card. */
const MAX_CHECKED_BYTES = 64 * 1024 * 1024;

/** A page that a dying card has lost is found now rather than when a guest waits. @throws {UnreadableError} */
function checkQuickly(db: Database, path: string): void {
  if (path === ":memory:" || statSync(path).size > MAX_CHECKED_BYTES) return;
  if (db.query("PRAGMA quick_check(1)").values()[0]?.[0] !== "ok") throw new UnreadableError(path);
}

function isUnreadable(error: unknown): boolean {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  return error instanceof UnreadableError || /^SQLITE_(NOTADB|CORRUPT)/.test(code);
}

function setAsideDatabase(path: string): string {
  const aside = `${path}.torn`;
  for (const suffix of ["", "-wal", "-shm"]) {
    rmSync(`${aside}${suffix}`, { force: true });
    if (existsSync(`${path}${suffix}`)) renameSync(`${path}${suffix}`, `${aside}${suffix}`);
  }
  return aside;
}
