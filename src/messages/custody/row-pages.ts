import type { BundleRow } from "./bundle-rows.ts";

export interface Page<T> {
  items: T[];
  /** For the next page; undefined at the end. */
  next?: string;
}

const MAX_PAGE = 200;
/** Pages that are looked through for one page. */
const MAX_ROUNDS = 50;
/** Above every rank. */
const NEWEST = Number.MAX_SAFE_INTEGER;

/**
 * A page of what `keep` makes of rows that have not expired, as full as rows that are not too far to find make it.
 * @param before a page's `next`; what is none begins at the first page
 * @param limit 1 to 200 items
 * @param rows at most so many with a lower rank, the highest first
 */
export function pageOf<T>(
  before: string | undefined,
  limit: number,
  nowMs: number,
  rows: (below: number, most: number) => readonly BundleRow[],
  keep: (row: BundleRow) => T | undefined,
): Page<T> {
  const most = bounded(limit);
  const items: T[] = [];
  let below = rankOf(before);
  for (let round = 0; round < MAX_ROUNDS; round += 1) {
    const found = rows(below, most);
    for (const row of found) {
      below = row.rank;
      const item = row.expires_ms > nowMs ? keep(row) : undefined;
      if (item !== undefined) items.push(item);
      if (items.length === most) return { items, next: String(below) };
    }
    if (found.length < most) return { items };
  }
  return { items, next: String(below) };
}

export const bounded = (limit: number): number => Math.min(MAX_PAGE, Math.max(1, Math.floor(limit)));

/** A cursor is the rank of the last row that was looked at. */
const rankOf = (cursor: string | undefined): number =>
  cursor !== undefined && /^\d{1,16}$/.test(cursor) ? Math.min(NEWEST, Number(cursor)) : NEWEST;
