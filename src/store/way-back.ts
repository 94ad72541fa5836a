import type { Database } from "bun:sqlite";
import { existsSync, renameSync, rmSync, statfsSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { syncFile, syncFolder } from "./durable-file.ts";

/**
 * A database in the form that it had before a version changed it so that older ones cannot go on with it. An update is given
 * up by starting the older version, which has to find something that it can read.
 */
export const copyOf = (path: string): string => `${path}.before`;

const comingCopyOf = (path: string): string => `${copyOf(path)}.new`;

/** As often as an update is tried by itself; the last name is used again after that. */
const MAX_SET_ASIDE = 3;

const NEWER = (path: string, n: number): string => `${path}.newer.${n}`;

/** What must be free beside the copy and the log of the change, which may be as large as the database. */
const KEPT_FREE_BYTES = 16 * 1024 * 1024;

/** The medium has no room for a copy; without one nothing is changed. */
export class NoRoomError extends Error {
  override readonly name = "NoRoomError";
}

/**
 * Copies a database as it is. `VACUUM INTO` gives a consistent one whatever is in the write-ahead log, but does not flush
 * it (https://www.sqlite.org/lang_vacuum.html, "VACUUM INTO"): it gets its name when it is on the medium.
 * @throws {NoRoomError}
 */
export function keepCopy(db: Database, path: string, freeBytes = freeBytesOf(dirname(path))): void {
  const bytes = statSync(path).size + (existsSync(`${path}-wal`) ? statSync(`${path}-wal`).size : 0);
  if (freeBytes < 2 * bytes + KEPT_FREE_BYTES)
    throw new NoRoomError(
      `there is no room for a copy of ${bytes} bytes, by which an earlier version could go on: it stays as it is`,
    );
  const coming = comingCopyOf(path);
  rmSync(coming, { force: true });
  db.run("VACUUM INTO ?", [coming]);
  syncFile(coming);
  renameSync(coming, copyOf(path));
  syncFolder(dirname(path));
}

/**
 * Puts a database aside that is of a newer version, under a name of its own. Nothing may have it open.
 * @returns the name
 */
export function setAsideNewer(path: string): string {
  const aside = NEWER(path, freeNumber(path));
  // Whatever a power cut leaves of this: a log is never found beside a database that it is not of.
  for (const suffix of ["-wal", "-shm", ""]) rmSync(`${aside}${suffix}`, { force: true });
  for (const suffix of ["", "-wal", "-shm"])
    if (existsSync(`${path}${suffix}`)) renameSync(`${path}${suffix}`, `${aside}${suffix}`);
  syncFolder(dirname(path));
  return aside;
}

/**
 * Puts the copy into the place of a database that is not there.
 * @returns whether there was one
 */
export function takeCopyBack(path: string): boolean {
  if (existsSync(path) || !existsSync(copyOf(path))) return false;
  // A power cut may have come between a database and its log: they belong together.
  const aside = lastSetAside(path);
  for (const suffix of ["-wal", "-shm"]) {
    if (!existsSync(`${path}${suffix}`)) continue;
    if (aside === undefined) rmSync(`${path}${suffix}`);
    else renameSync(`${path}${suffix}`, `${aside}${suffix}`);
  }
  syncFolder(dirname(path));
  renameSync(copyOf(path), path);
  syncFolder(dirname(path));
  return true;
}

/** Takes the copy away, and what a power cut has left of one: nobody goes back any more. */
export function forgetCopy(path: string): void {
  for (const one of [copyOf(path), comingCopyOf(path)]) rmSync(one, { force: true });
}

/** The newest that was set aside. */
export function lastSetAside(path: string): string | undefined {
  let last: string | undefined;
  let lastMs = Number.NEGATIVE_INFINITY;
  for (let n = 1; n <= MAX_SET_ASIDE; n += 1) {
    if (!existsSync(NEWER(path, n))) continue;
    // Renaming changes a file's ctime (rename(2) on Linux's file systems), and numbers come again only at the end.
    const { ctimeMs } = statSync(NEWER(path, n));
    if (ctimeMs >= lastMs) [last, lastMs] = [NEWER(path, n), ctimeMs];
  }
  return last;
}

function freeNumber(path: string): number {
  for (let n = 1; n < MAX_SET_ASIDE; n += 1) if (!existsSync(NEWER(path, n))) return n;
  return MAX_SET_ASIDE;
}

function freeBytesOf(folder: string): number {
  const { bavail, bsize } = statfsSync(folder);
  return bavail * bsize;
}
