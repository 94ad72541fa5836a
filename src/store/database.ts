import { Database } from "bun:sqlite";
import { existsSync, mkdirSync, renameSync, rmSync, statSync } from "node:fs";
import { dirname } from "node:path";

/** A database whose schema this version of the box cannot use. */
export class DatabaseError extends Error {
  override readonly name = "DatabaseError";
}

/** A file that is a database no more. */
class UnreadableError extends Error {}

export interface OpenedDatabase {
  db: Database;
  /** Why nothing is kept: the medium cannot be written, and the database lives in memory alone. */
  volatile: string | undefined;
  /** The name under which an unreadable file was set aside, if there was one. */
  setAside: string | undefined;
}

/**
 * Opens an SQLite database in WAL mode with `synchronous=FULL`: a commit that returned survives a power cut
 * (https://www.sqlite.org/wal.html). Migrations run once each, in order, every one in a transaction of its own;
 * `PRAGMA user_version` counts them. A file that is no database any more is set aside and a new one begun.
 * @throws {DatabaseError} when the file was written by a newer version
 */
export function openDatabase(path: string, migrations: readonly string[]): OpenedDatabase {
  try {
    if (path !== ":memory:") mkdirSync(dirname(path), { recursive: true });
    return { db: migrated(path, migrations), setAside: undefined, volatile: undefined };
  } catch (error) {
    if (error instanceof DatabaseError) throw error;
    if (!isUnreadable(error)) return inMemory(error, migrations);
  }
  try {
    const aside = setAsideDatabase(path);
    return { db: migrated(path, migrations), setAside: aside, volatile: undefined };
  } catch (error) {
    return inMemory(error, migrations);
  }
}

/** A full or read-only medium: the box serves all the same, and forgets. */
function inMemory(reason: unknown, migrations: readonly string[]): OpenedDatabase {
  const volatile = reason instanceof Error ? reason.message : String(reason);
  return { db: migrated(":memory:", migrations), setAside: undefined, volatile };
}

function migrated(path: string, migrations: readonly string[]): Database {
  const db = new Database(path, { create: true, strict: true });
  try {
    db.run("PRAGMA journal_mode = WAL");
    db.run("PRAGMA synchronous = FULL");
    db.run("PRAGMA busy_timeout = 5000");
    db.run("PRAGMA foreign_keys = ON");
    // A page that a dying card has lost is found now rather than when a guest waits.
    if (isQuicklyChecked(path) && db.query("PRAGMA quick_check(1)").values()[0]?.[0] !== "ok") {
      throw new UnreadableError(path);
    }
    const row = db.query<{ user_version: number }, []>("PRAGMA user_version").get();
    const version = row?.user_version ?? 0;
    if (version > migrations.length) {
      throw new DatabaseError(
        `${path}: schema version ${version} is newer than ${migrations.length}, the newest known here`,
      );
    }
    for (const [index, sql] of migrations.entries()) {
      if (index < version) continue;
      db.transaction(() => {
        db.run(sql);
        db.run(`PRAGMA user_version = ${index + 1}`);
      })();
    }
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

/** A larger file would keep the box from starting for too long on a slow card. */
const MAX_CHECKED_BYTES = 64 * 1024 * 1024;

function isQuicklyChecked(path: string): boolean {
  return path !== ":memory:" && statSync(path).size <= MAX_CHECKED_BYTES;
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
