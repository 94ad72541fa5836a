import type { Kind } from "../bundle/bundle.ts";
import type { BundleRow } from "./bundle-rows.ts";
import { drop, emptyOut, type Removed, type Shelf } from "./shelf.ts";

/** What leaves a trace when it is taken away: what everybody reads. */
const PUBLIC: readonly string[] = ["sos", "check-in", "post", "notice", "photo", "card"] satisfies Kind[];
/**
 * A call for help is closed by operators, where all can see by whom, and never taken away but by who called: one box in wrong
 * hands must not silence all.
 */
const CLOSED_NOT_REMOVED: Kind = "sos";
/** What stays, whoever wants it away: it says what has become of others. */
const LASTING: readonly string[] = ["removal", "receipt"] satisfies Kind[];

/** A removal that has come, or a receipt: who says so, as hex of a key. */
export interface Says {
  sender: string;
  sender_as: string;
}

export type RemovalRow = Says & { of: string; reason: string };

/** @returns on whose behalf a removal takes a bundle away; undefined where it may not */
export function removes(
  removal: Says,
  target: Pick<BundleRow, "kind" | "sender" | "sender_as">,
  speaksFor: Shelf["speaksFor"],
): Removed["by"] | undefined {
  if (LASTING.includes(target.kind)) return undefined;
  if (removal.sender === target.sender) {
    // The box signs for its guests: as `guest` it takes back for one of them, as `box` for its operator.
    if (removal.sender_as !== "box" || target.sender_as !== "guest") return "sender";
    return target.kind === CLOSED_NOT_REMOVED ? undefined : "operator";
  }
  if (target.kind === CLOSED_NOT_REMOVED) return undefined;
  const isOperator = removal.sender_as === "box" && speaksFor(Buffer.from(removal.sender, "hex"));
  return isOperator && PUBLIC.includes(target.kind) ? "operator" : undefined;
}

/** The removal that takes a bundle away, of those that have come. */
export function removalOf(
  { db, speaksFor }: Pick<Shelf, "db" | "speaksFor">,
  target: Pick<BundleRow, "id" | "kind" | "sender" | "sender_as">,
): Removed | undefined {
  const said = db
    .query<RemovalRow, [string]>("SELECT of, sender, sender_as, reason FROM removal WHERE of = ?")
    .all(target.id);
  for (const removal of said) {
    const by = removes(removal, target, speaksFor);
    if (by) return { by, reason: removal.reason };
  }
  return undefined;
}

export const leavesTrace = ({ kind }: Pick<BundleRow, "kind">): boolean => PUBLIC.includes(kind);

/** Takes a bundle away, and the photos that belong to it. Of what only its recipient reads nothing is left to see. */
export function takeAway(shelf: Shelf, row: BundleRow, removed: Removed): void {
  if (leavesTrace(row)) emptyOut(shelf, row, removed);
  else drop(shelf, row, "removed", row.sender);
  const photos = shelf.db
    .query<BundleRow, [string]>("SELECT * FROM bundle WHERE about = ? AND +kind = 'photo'")
    .all(row.id);
  for (const photo of photos) drop(shelf, photo, "removed", row.sender);
}

/** Takes away what removals ask for that did not count when they came. @returns how many */
export function reconsider(shelf: Shelf): number {
  const waiting = shelf.db
    .query<BundleRow, []>("SELECT * FROM bundle WHERE id IN (SELECT of FROM removal) AND removed_by IS NULL")
    .all();
  let count = 0;
  for (const row of waiting) {
    const removed = removalOf(shelf, row);
    if (!removed) continue;
    takeAway(shelf, row, removed);
    count += 1;
  }
  return count;
}
