import type { ReceiptBody, RemovalBody } from "../bundle/bodies.ts";
import { PRIORITIES } from "../bundle/bundle.ts";
import { type BundleRow, isTrace, rowById, rowOf, type Times } from "./bundle-rows.ts";
import type { Source, Taken } from "./custody.ts";
import { noteHandedOver } from "./handed-over.ts";
import { makeRoom, RefusedError, usedByAll } from "./make-room.ts";
import type { ReadBundle } from "./opened-bundle.ts";
import { leavesTrace, removalOf, removes, takeAway } from "./removing.ts";
import { isTight } from "./room.ts";
import { type Departure, drop, makeYounger, putOnShelf, remember, type Shelf, traceRow } from "./shelf.ts";

/** By how much a copy has to be younger to count: boxes on two ways round their ages, and count a little differently. */
const YOUNGER_BY_MS = 60_000;

/**
 * Puts a bundle, checked, on the shelf, and does what it says to others there. All of it is one write.
 * @param seq the order that it has from now on
 * @throws {RefusedError} undoing all
 */
export function takeIn(shelf: Shelf, read: ReadBundle, seq: number, ageMs: number, source: Source): Taken {
  const { db } = shelf;
  const { id } = read;
  const here = rowById(db, id);
  if (here) {
    if (isTrace(here)) throw new RefusedError("blocked", "was taken away");
    noteHandedOver(db, here, source);
    const bornMs = Math.min(Math.floor(shelf.nowMs - ageMs), here.came_ms);
    const expiresMs = bornMs + read.bundle.lifetimeS * 1_000;
    if (expiresMs > here.expires_ms + YOUNGER_BY_MS) makeYounger(shelf, here, bornMs, expiresMs);
    return { state: "known", id };
  }
  const times = timesOf(shelf, read, ageMs);
  if (times === undefined) return { state: "known", id };
  const row = rowOf(read, seq, times, source);
  const settled = isSettled(shelf, row, read);
  if (settled) {
    remember(shelf, row, settled.why, settled.who);
    return { state: "known", id };
  }
  db.query("DELETE FROM gone WHERE id = ?").run(id);
  const removal = removalOf(shelf, row);
  if (removal) {
    if (leavesTrace(row)) {
      const trace = traceRow(row, removal);
      makeRoom(shelf, trace, source.by);
      putOnShelf(shelf, trace);
    } else remember(shelf, row, "removed", row.sender);
    return { state: "refused", reason: "blocked", detail: "was taken away" };
  }
  if (row.kind === "photo" && row.about !== null) refusePhotoOfRemoved(shelf, row.about);
  makeRoom(shelf, row, source.by);
  putOnShelf(shelf, row);
  speak(shelf, row, read);
  return { state: "new", id };
}

/**
 * When a bundle that is not here was made, and when it first came.
 * @returns undefined where it was here and need not come again
 * @throws {RefusedError} where it had to give way, and there is no room yet
 */
function timesOf(shelf: Shelf, { id, bundle }: ReadBundle, ageMs: number): Times | undefined {
  const { nowMs } = shelf;
  const bornMs = Math.floor(nowMs - ageMs);
  const gone = goneOf(shelf, id);
  if (gone === null) return { bornMs, cameMs: nowMs };
  if (isShutOut(shelf, gone)) throw new RefusedError("full", "had to give way to others");
  if (isSettledFor(shelf, gone)) return undefined;
  const cameMs = Math.min(nowMs, gone.ends_ms - bundle.lifetimeS * 1_000);
  const times = { bornMs: Math.min(bornMs, cameMs), cameMs };
  return times.bornMs + bundle.lifetimeS * 1_000 > nowMs ? times : undefined;
}

/**
 * Whether what was here need not come again. What expired sooner than its lifetime after it came was old by the word of whoever
 * handed it over: a younger copy may come, until it has been known for its whole lifetime.
 */
const isSettledFor = ({ nowMs }: Shelf, { why, ends_ms }: Gone): boolean =>
  why !== "evicted" && !(why === "expired" && ends_ms > nowMs);

/** Whether a bundle is here, or was and need not come again. What had to give way is needed, though there may be no room. */
export function isKnown(shelf: Shelf, id: string): boolean {
  if (shelf.db.query("SELECT 1 FROM bundle WHERE id = ?").get(id) !== null) return true;
  const gone = goneOf(shelf, id);
  return gone !== null && isSettledFor(shelf, gone);
}

/** Whether a bundle had to give way, and would have to again. */
export function hasNoRoomFor(shelf: Shelf, id: string): boolean {
  const gone = goneOf(shelf, id);
  return gone !== null && isShutOut(shelf, gone);
}

/** What had to give way need not come again before there is room. */
const isShutOut = (shelf: Shelf, { why, priority }: Gone): boolean =>
  why === "evicted" && isTight(PRIORITIES[priority] ?? "background", usedByAll(shelf), shelf.limits);

interface Gone {
  why: Departure;
  /** By whom, where that matters: hex of a key. */
  who: string;
  priority: number;
  /** When its lifetime is over at the latest. */
  ends_ms: number;
}

export function goneOf({ db }: Pick<Shelf, "db">, id: string): Gone | null {
  return db.query<Gone, [string]>("SELECT why, who, priority, ends_ms FROM gone WHERE id = ?").get(id);
}

/** Whether what is known already says that nobody needs the bundle: its recipient has it, or a newer card is here. */
function isSettled(
  { db }: Shelf,
  row: BundleRow,
  { bundle }: ReadBundle,
): { why: Departure; who: string } | undefined {
  if (bundle.kind === "direct") {
    const receipt = db
      .query(
        "SELECT 1 FROM receipt WHERE of = ? AND sender = ? AND sender_as <> 'guest' AND state IN ('delivered', 'read')",
      )
      .get(row.id, row.to_value);
    return receipt ? { why: "delivered", who: row.to_value } : undefined;
  }
  if (bundle.kind === "card") {
    const newer = db
      .query("SELECT 1 FROM bundle WHERE kind = 'card' AND sender = ? AND version >= ?")
      .get(row.sender, row.version);
    return newer ? { why: "superseded", who: row.sender } : undefined;
  }
  return undefined;
}

/** @throws {RefusedError} */
function refusePhotoOfRemoved({ db }: Shelf, about: string): void {
  const target = rowById(db, about);
  if (target && isTrace(target)) throw new RefusedError("blocked", "what it belongs to was taken away");
}

/** What a bundle says to others. */
function speak(shelf: Shelf, row: BundleRow, { opened }: ReadBundle): void {
  switch (opened.kind) {
    case "receipt":
      noteReceipt(shelf, row, opened.body);
      break;
    case "removal":
      noteRemoval(shelf, row, opened.body);
      break;
    case "card":
      supersede(shelf, row);
      break;
  }
}

function noteReceipt(shelf: Shelf, row: BundleRow, { state, of, note }: ReceiptBody): void {
  const put = shelf.db.query(
    "INSERT OR IGNORE INTO receipt (of, seq, state, sender, sender_as, note, rank) VALUES (?, ?, ?, ?, ?, ?, ?)",
  );
  for (const id of of) {
    put.run(id, row.seq, state, row.sender, row.sender_as, note, row.rank);
    if (state !== "delivered" && state !== "read") continue;
    const target = rowById(shelf.db, id);
    const isRecipients = target?.to_value === row.sender && row.sender_as !== "guest";
    // Where its only recipient has it, nobody else needs it: the receipt goes on in its place.
    if (target?.kind === "direct" && isRecipients) drop(shelf, target, "delivered", row.sender);
  }
}

function noteRemoval(shelf: Shelf, row: BundleRow, { of, reason }: RemovalBody): void {
  shelf.db
    .query("INSERT INTO removal (of, seq, sender, sender_as, reason) VALUES (?, ?, ?, ?, ?)")
    .run(of, row.seq, row.sender, row.sender_as, reason);
  const target = rowById(shelf.db, of);
  if (!target || isTrace(target)) return;
  const by = removes(row, target, shelf.speaksFor);
  if (by) takeAway(shelf, target, { by, reason });
}

function supersede(shelf: Shelf, row: BundleRow): void {
  const older = shelf.db
    .query<BundleRow, [string, number]>(
      "SELECT * FROM bundle WHERE kind = 'card' AND sender = ? AND seq <> ?",
    )
    .all(row.sender, row.seq);
  for (const card of older) if (!isTrace(card)) drop(shelf, card, "superseded", row.sender);
}
