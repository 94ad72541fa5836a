import { PRIORITIES, type Priority } from "../bundle/bundle.ts";
import type { BundleRow } from "./bundle-rows.ts";
import type { RefusalReason, Source } from "./custody.ts";
import { nextStep, type Usage, type Used, type Whose } from "./room.ts";
import { drop, type Shelf } from "./shelf.ts";

/** Why a bundle was not taken: whoever throws it inside a write undoes all of that write. */
export class RefusedError extends Error {
  override readonly name = "RefusedError";
  constructor(
    readonly reason: RefusalReason,
    readonly detail: string,
  ) {
    super(`${reason}: ${detail}`);
  }
}

/**
 * Makes room for a bundle by the steps of `room.ts`.
 * @throws {RefusedError} where there is none
 */
export function makeRoom(shelf: Shelf, incoming: BundleRow, by: Source["by"]): void {
  const priority = PRIORITIES[incoming.priority] ?? "background";
  for (;;) {
    const usage = usageOf(shelf, incoming);
    const step = nextStep({ priority, by, bytes: incoming.cost }, usage, shelf.limits);
    if (step.do === "take") return;
    if (step.do === "refuse") throw new RefusedError(step.reason, step.detail);
    drop(shelf, victim(shelf, incoming, step.priority, step.whose), "evicted");
  }
}

/** What is held by all, by class. */
export function usedByAll({ db }: Pick<Shelf, "db">): Used[] {
  return byClass(used(db, "all", ""));
}

function usageOf({ db }: Shelf, { holder, source }: BundleRow): Usage {
  return {
    all: byClass(used(db, "all", "")),
    holder: byClass(used(db, "holder", holder)),
    source: byClass(used(db, "source", source)),
  };
}

type UsedRow = Used & { priority: number };

function used(db: Shelf["db"], scope: Whose, who: string): UsedRow[] {
  return db
    .query<UsedRow, [string, string]>(
      "SELECT priority, bytes, bundles FROM usage WHERE scope = ? AND who = ?",
    )
    .all(scope, who);
}

function byClass(rows: readonly UsedRow[]): Used[] {
  return PRIORITIES.map(
    (_, rank) => rows.find(({ priority }) => priority === rank) ?? { bytes: 0, bundles: 0 },
  );
}

/**
 * Who holds most of a class loses their oldest. The new bundle counts with its holder's, and where it is the oldest of those it
 * is itself the one that has no place.
 * @throws {RefusedError}
 */
function victim(shelf: Shelf, incoming: BundleRow, priority: Priority, whose: Whose): BundleRow {
  const rank = PRIORITIES.indexOf(priority);
  const { db } = shelf;
  if (whose !== "all") return oldest(db, whose, incoming[whose], rank);
  const most = db
    .query<{ who: string; bytes: number }, [number]>(
      "SELECT who, bytes FROM usage WHERE scope = 'holder' AND priority = ? ORDER BY bytes DESC LIMIT 1",
    )
    .get(rank);
  if (!most) throw new RangeError(`usage: nothing of the class ${priority} is held by anybody`);
  if (rank !== incoming.priority) return oldest(db, "holder", most.who, rank);
  const own = byClass(used(db, "holder", incoming.holder))[rank]?.bytes ?? 0;
  if (own + incoming.cost <= most.bytes && most.who !== incoming.holder)
    return oldest(db, "holder", most.who, rank);
  const found = oldest(db, "holder", own > 0 ? incoming.holder : most.who, rank);
  if (found.born_ms > incoming.born_ms)
    throw new RefusedError("full", "all that is here is more important, or newer");
  return found;
}

function oldest(db: Shelf["db"], column: "holder" | "source", who: string, rank: number): BundleRow {
  const row = db
    .query<BundleRow, [string, number]>(
      `SELECT * FROM bundle WHERE ${column} = ? AND priority = ? ORDER BY rank LIMIT 1`,
    )
    .get(who, rank);
  if (!row) throw new RangeError(`usage: ${column} ${who} holds nothing of class ${rank}`);
  return row;
}
