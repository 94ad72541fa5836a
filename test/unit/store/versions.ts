import type { Database } from "bun:sqlite";
import { additive, breaking, type Migration } from "../../../src/store/index.ts";

/**
 * The steps of versions that never were: each leaves a table by which it is seen to have been taken, and can be taken once
 * only. What they keep is in `row`, which one that breaks replaces under another name.
 */
export function versions(isAdditive: readonly boolean[]): Migration[] {
  let table = "row_0";
  return isAdditive.map((adds, index) => {
    const took = `CREATE TABLE step_${index + 1} (taken INTEGER) STRICT`;
    if (index === 0) return additive(`${took}; CREATE TABLE ${table} (name TEXT NOT NULL UNIQUE) STRICT`);
    if (adds)
      return additive(`${took}; ALTER TABLE ${table} ADD COLUMN of_${index} TEXT NOT NULL DEFAULT ''`);
    const [before, after] = [table, `row_${index}`];
    table = after;
    return breaking(`${took}; ALTER TABLE ${before} RENAME TO ${after}`);
  });
}

/** Where a version keeps its rows. */
export const tableOf = (isAdditive: readonly boolean[], version: number): string =>
  `row_${Math.max(
    0,
    isAdditive.slice(0, version).findLastIndex((adds, index) => !adds && index > 0),
  )}`;

export const rowsOf = (db: Database, table: string): string[] =>
  db
    .query<{ name: string }, []>(`SELECT name FROM ${table} ORDER BY rowid`)
    .all()
    .map(({ name }) => name);

export const addRow = (db: Database, table: string, name: string): void =>
  void db.query(`INSERT INTO ${table} (name) VALUES (?)`).run(name);

/** Which steps have been taken. */
export const stepsTaken = (db: Database): number[] =>
  db
    .query<{ name: string }, []>("SELECT name FROM sqlite_schema WHERE type = 'table' AND name LIKE 'step%'")
    .all()
    .map(({ name }) => Number(name.slice("step_".length)))
    .sort((one, other) => one - other);
