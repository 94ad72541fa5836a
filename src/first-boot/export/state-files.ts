import { Database } from "bun:sqlite";
import { copyFileSync, existsSync, lstatSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import type { TarEntry } from "./tar.ts";

/** Machines of others, sealed by their keys, and what can be fetched again: large, and nobody's to take along. */
const LEFT_OUT = /^(?:vm-|images(?:\/|$)|updates?(?:\/|$))/;
/** Half-written files, what an earlier version would go back to, and what belongs to a database that is copied whole. */
const PASSING = /(?:\.new|\.before|-wal|-shm|-journal)$/;
/** Also one that was set aside because a newer version wrote it. */
const DATABASE = /\.sqlite(?:\.newer\.\d+)?$/;

/** One file that cannot be exported; the others are. */
export interface Unexported {
  path: string;
  why: string;
}

/**
 * Everything that the box keeps in a folder, one file at a time. A database is copied as of one moment, also while the box
 * writes to it.
 * @param lost told of what cannot be read
 */
export function* stateFiles(folder: string, lost: (file: Unexported) => void): Generator<TarEntry> {
  for (const path of pathsIn(folder)) {
    const name = relative(folder, path);
    if (LEFT_OUT.test(name) || PASSING.test(name)) continue;
    try {
      yield { path: name, bytes: DATABASE.test(name) ? databaseCopy(path) : readFileSync(path) };
    } catch (error) {
      lost({ path: name, why: error instanceof Error ? error.message : String(error) });
    }
  }
}

function* pathsIn(folder: string): Generator<string> {
  for (const name of readdirSync(folder).sort()) {
    const path = join(folder, name);
    const status = lstatSync(path);
    if (status.isDirectory()) yield* pathsIn(path);
    else if (status.isFile()) yield path;
  }
}

/** https://www.sqlite.org/lang_vacuum.html, "VACUUM INTO": what was committed, the write-ahead log included. */
function databaseCopy(path: string): Uint8Array {
  const folder = mkdtempSync(join(tmpdir(), "omerta-export-"));
  try {
    const into = join(folder, "copy.sqlite");
    try {
      vacuumInto(path, into);
    } catch {
      // On a medium that cannot be written a database with a log cannot be opened where it is.
      rmSync(into, { force: true });
      const beside = join(folder, "beside.sqlite");
      for (const suffix of ["", "-wal"])
        if (existsSync(path + suffix)) copyFileSync(path + suffix, beside + suffix);
      vacuumInto(beside, into);
    }
    return readFileSync(into);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function vacuumInto(path: string, into: string): void {
  const db = new Database(path, { readwrite: true, create: false });
  try {
    db.run("PRAGMA busy_timeout = 10000");
    db.run("VACUUM INTO ?", [into]);
  } finally {
    db.close();
  }
}
