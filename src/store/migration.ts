/**
 * One step of a database's form. Not every version that may come to the medium knows it: an update that is given up leaves
 * its database to the version before.
 */
export interface Migration {
  sql: string;
  /** Whether a version that does not know the step may go on reading and writing after it. */
  olderMayGoOn: boolean;
}

/**
 * A step after which older versions may go on: a new table, a new index that is not unique, a new column that is null or has
 * a default. What older versions write afterwards knows nothing of it, and has to be of use all the same.
 */
export const additive = (sql: string): Migration => ({ sql, olderMayGoOn: true });

/** A step that older versions could not live with, or would undo. A copy of the database is kept from before it. */
export const breaking = (sql: string): Migration => ({ sql, olderMayGoOn: false });

/** What a database says of its own form. */
export interface Form {
  /** How many steps have been taken. */
  version: number;
  /**
   * How many steps a version has to know to go on with it. SQLite's own files have two such numbers, one for readers and one
   * for writers (https://www.sqlite.org/fileformat.html, "File format version numbers"); whoever opens a database of the box
   * writes to it, so that here they are one.
   */
  oldest: number;
}

/** What is done in one transaction. @property form what the database says of itself from then on */
export interface Step {
  sql: readonly string[];
  form: Form;
}

export type Plan =
  /** @property breaks whether older versions cannot go on afterwards, and a copy is to be kept */
  | { kind: "migrate"; steps: readonly Step[]; breaks: boolean }
  /** A newer version has been here, and has left a database that this one may go on with. */
  | { kind: "newer" }
  /** A newer version has been here, and has left a database that this one must not touch. */
  | { kind: "too-new" };

/** @param recorded `oldest` as the database says it; undefined where it was written before that was recorded */
export function planMigration(
  version: number,
  recorded: number | undefined,
  migrations: readonly Migration[],
): Plan {
  const known = migrations.length;
  if (version > known) return { kind: (recorded ?? version) > known ? "too-new" : "newer" };
  const formAt = (count: number): Form => ({
    version: count,
    oldest: Math.max(recorded ?? 0, oldestOf(migrations.slice(0, count))),
  });
  const pending = migrations.slice(version);
  // Nothing has been kept in a database that has just been made.
  const breaks = version > 0 && pending.some(({ olderMayGoOn }) => !olderMayGoOn);
  if (breaks || (pending.length === 0 && recorded === undefined)) {
    // All or none: from between, a next copy would not be of what the earlier version knows.
    const all = { sql: pending.map(({ sql }) => sql), form: formAt(known) };
    return { kind: "migrate", steps: [all], breaks };
  }
  const steps = pending.map(({ sql }, index) => ({ sql: [sql], form: formAt(version + index + 1) }));
  return { kind: "migrate", steps, breaks };
}

/** The number of the last step that shuts older versions out. */
const oldestOf = (migrations: readonly Migration[]): number =>
  migrations.findLastIndex(({ olderMayGoOn }) => !olderMayGoOn) + 1;
