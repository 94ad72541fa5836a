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
