import type { Database } from "bun:sqlite";
import { type BundleId, MAX_LIFETIME_S } from "../bundle/bundle.ts";
import { type BundleRow, insertRow, rankOf } from "./bundle-rows.ts";
import type { Limits } from "./room.ts";
import { gramsOf } from "./search-name.ts";
import { ROW_BYTES } from "./store-schema.ts";

/** Why a bundle is here no more. */
export type Departure = "expired" | "evicted" | "delivered" | "removed" | "superseded";

/** Bundles that are remembered after they are gone; the oldest are forgotten first. */
const MAX_GONE = 200_000;
/** After their lifetime. */
const REMEMBERED_MS = MAX_LIFETIME_S * 1_000;

/** One write to the store: what it goes by, and what came of it. */
export interface Shelf {
  readonly db: Database;
  /** Of the store's age. */
  readonly nowMs: number;
  readonly limits: Limits;
  /** Whether what a key signs counts as an operator's word. */
  readonly speaksFor: (key: Uint8Array) => boolean;
  /** Ids that others are to have no more. */
  readonly gone: BundleId[];
}

const NAMES = { "check-in": "check_in_name", card: "card_name" } as const;

export function putOnShelf({ db }: Shelf, row: BundleRow): void {
  insertRow(db, row);
  if (row.kind === "card" && row.name !== null) addName(db, "card", row);
  if (row.subject !== null) electLatest(db, row.subject);
}

/** Takes a bundle off the shelf and remembers that it was there. @param who by whom, where that matters: hex of a key */
export function drop(shelf: Shelf, row: BundleRow, why: Departure, who = ""): void {
  remember(shelf, row, why, who);
  takeOff(shelf, row);
}

/** Takes a bundle off the shelf as if it had never been there. */
export function takeOff({ db, gone }: Shelf, row: BundleRow): void {
  forgetName(db, row);
  db.query("DELETE FROM bundle WHERE seq = ?").run(row.seq);
  if (row.subject !== null) electLatest(db, row.subject);
  gone.push(row.id);
}

/** A younger copy has come: whoever said that the bundle was older was wrong, or lied so that it would soon be gone. */
export function makeYounger(shelf: Shelf, row: BundleRow, bornMs: number, expiresMs: number): void {
  const { db } = shelf;
  const younger: BundleRow = { ...row, rank: rankOf(bornMs, row.seq), latest: 0 };
  forgetName(db, row);
  db.query("UPDATE bundle SET born_ms = ?, expires_ms = ?, rank = ?, latest = 0 WHERE seq = ?").run(
    bornMs,
    expiresMs,
    younger.rank,
    row.seq,
  );
  db.query("UPDATE receipt SET rank = ? WHERE seq = ?").run(younger.rank, row.seq);
  if (row.kind === "card" && row.name !== null) addName(db, "card", younger);
  if (row.subject !== null) electLatest(db, row.subject);
}

/** Why a bundle was taken away, and on whose behalf. */
export interface Removed {
  by: "sender" | "operator";
  reason: string;
}

/** What is left of a bundle that was taken away: a row that people see, without its words, until it would have expired. */
export const traceRow = (row: BundleRow, { by, reason }: Removed): BundleRow => ({
  ...row,
  cost: ROW_BYTES,
  name: null,
  subject: null,
  latest: 0,
  removed_by: by,
  removed_reason: reason,
  encoded: new Uint8Array(),
});

/** Leaves a trace in a bundle's place. */
export function emptyOut({ db, gone }: Shelf, row: BundleRow, removed: Removed): void {
  forgetName(db, row);
  db.query(
    `UPDATE bundle SET encoded = x'', cost = ?, name = NULL, subject = NULL, latest = 0,
     removed_by = ?, removed_reason = ? WHERE seq = ?`,
  ).run(ROW_BYTES, removed.by, removed.reason, row.seq);
  if (row.subject !== null) electLatest(db, row.subject);
  gone.push(row.id);
}

/** Remembers a bundle as one that need not come again, for as long as a box may have it that was off and counted less of its age. */
export function remember(
  { db }: Shelf,
  row: Pick<BundleRow, "id" | "priority" | "born_ms" | "came_ms" | "expires_ms">,
  why: Departure,
  who = "",
): void {
  const { lastInsertRowid } = db
    .query(
      "INSERT OR REPLACE INTO gone (id, why, who, priority, until_ms, ends_ms) VALUES (?, ?, ?, ?, ?, ?)",
    )
    .run(
      row.id,
      why,
      who,
      row.priority,
      row.expires_ms + REMEMBERED_MS,
      row.came_ms + row.expires_ms - row.born_ms,
    );
  db.query("DELETE FROM gone WHERE seq <= ?").run(Number(lastInsertRowid) - MAX_GONE);
}

/** Shows the newest check-in of a subject, and no other of it. */
function electLatest(db: Database, subject: string): void {
  type Candidate = Pick<BundleRow, "seq" | "rank" | "name" | "latest">;
  const of = "SELECT seq, rank, name, latest FROM bundle WHERE kind = 'check-in' AND subject = ?";
  const newest = db.query<Candidate, [string]>(`${of} ORDER BY rank DESC LIMIT 1`).get(subject);
  if (newest === null || newest.latest === 1) return;
  // Below the newest by rank: of two, the one shown until now stands second.
  const shown = db.query<Candidate, [string]>(`${of} AND latest = 1 ORDER BY rank DESC LIMIT 1`).get(subject);
  const show = db.query("UPDATE bundle SET latest = ? WHERE seq = ?");
  if (shown) {
    show.run(0, shown.seq);
    db.query("DELETE FROM check_in_name WHERE rowid = ?").run(shown.rank);
  }
  show.run(1, newest.seq);
  addName(db, "check-in", newest);
}

function addName(db: Database, kind: keyof typeof NAMES, { rank, name }: Pick<BundleRow, "rank" | "name">) {
  db.query(`INSERT INTO ${NAMES[kind]} (rowid, grams) VALUES (?, ?)`).run(rank, gramsOf(name ?? ""));
}

function forgetName(db: Database, { kind, latest, rank }: BundleRow): void {
  if (kind === "card") db.query("DELETE FROM card_name WHERE rowid = ?").run(rank);
  if (kind === "check-in" && latest === 1) db.query("DELETE FROM check_in_name WHERE rowid = ?").run(rank);
}
