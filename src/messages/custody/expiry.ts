import type { Database } from "bun:sqlite";
import type { BundleRow } from "./bundle-rows.ts";
import { forgetOld } from "./moderation.ts";
import { drop, type Shelf } from "./shelf.ts";

/** Rows taken off in one write: others wait for as long. */
const MOST_AT_ONCE = 500;

/**
 * Takes off what has expired, and forgets what nobody can bring any more.
 * @returns whether there is more
 */
export function sweep(shelf: Shelf): boolean {
  const { db, nowMs } = shelf;
  const expired = db
    .query<BundleRow, [number]>(`SELECT * FROM bundle WHERE expires_ms <= ? LIMIT ${MOST_AT_ONCE}`)
    .all(nowMs);
  for (const row of expired) drop(shelf, row, "expired");
  db.query("DELETE FROM gone WHERE until_ms <= ?").run(nowMs);
  forgetOld(db, nowMs);
  return expired.length === MOST_AT_ONCE;
}

/**
 * Lets time that a wall clock alone tells of cost no bundle more than half of what it had left: a clock that jumped by days while
 * the box was off would else take every call for help.
 * @param nowMs of the store's age, which has grown by the guess already
 * @param guessedMs how much of it is a guess
 */
export function spare(db: Database, nowMs: number, guessedMs: number): void {
  if (guessedMs <= 0) return;
  const surelyMs = nowMs - guessedMs;
  db.query(
    `UPDATE bundle SET expires_ms = ?1 + (expires_ms - ?2) / 2
     WHERE expires_ms > ?2 AND (expires_ms - ?2) / 2 < ?3`,
  ).run(nowMs, surelyMs, guessedMs);
}
