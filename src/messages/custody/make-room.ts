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
 * Whoever handed over most of a class loses of it, and there whose most is loses their oldest: keys cost nothing, and who brings
 * a thousand of them at once must not push out what came by others. What was written here goes last. The new bundle counts with
 * its own, and where it is the oldest of those it is itself the one that has no place.
 * @throws {RefusedError}
 */
function victim(shelf: Shelf, incoming: BundleRow, priority: Priority, whose: Whose): BundleRow {
  const rank = PRIORITIES.indexOf(priority);
  const { db } = shelf;
  if (whose === "holder") return oldest(db, "holder = ?", [incoming.holder], rank);
  const source = whose === "source" ? incoming.source : crowdedSource(db, incoming, rank);
  const most = mostOf(db, `from ${source}`, rank);
  if (!most) throw noPlace();
  const of = (holder: string) => oldest(db, "source = ? AND holder = ?", [source, holder], rank);
  if (rank !== incoming.priority || source !== incoming.source) return of(most.who);
  const own = bytesOf(db, `from ${source}`, incoming.holder, rank);
  if (own + incoming.cost <= most.bytes && most.who !== incoming.holder) return of(most.who);
  const found = of(own > 0 ? incoming.holder : most.who);
  if (found.born_ms > incoming.born_ms) throw noPlace();
  return found;
}

const noPlace = () => new RefusedError("full", "all that is here is more important, or newer");

/** Who handed over most of a class; of who wrote here only where nobody else did. */
function crowdedSource(db: Shelf["db"], incoming: BundleRow, rank: number): string {
  const others = mostOf(db, "source", rank, `AND ${FROM_ELSEWHERE}`);
  const isOfClass = rank === incoming.priority;
  if (!others) {
    // It is the only one of its class that was not written here.
    if (isOfClass && !isWrittenHere(incoming)) return incoming.source;
    const here = mostOf(db, "source", rank);
    if (!here) throw new RangeError(`usage: nothing of the class ${rank} is held by anybody`);
    return here.who;
  }
  if (!isOfClass || isWrittenHere(incoming)) return others.who;
  const own = bytesOf(db, "source", incoming.source, rank) + incoming.cost;
  return own > others.bytes ? incoming.source : others.who;
}

const FROM_ELSEWHERE = "who <> 'self' AND who NOT LIKE 'guest %'";
const isWrittenHere = ({ source }: Pick<BundleRow, "source">): boolean => /^(self$|guest )/.test(source);

type Share = { who: string; bytes: number };

/** Who has most of a class in a scope of the table `usage`. */
const mostOf = (db: Shelf["db"], scope: string, rank: number, which = ""): Share | null =>
  db
    .query<Share, [string, number]>(
      `SELECT who, bytes FROM usage WHERE scope = ? AND priority = ? ${which} ORDER BY bytes DESC LIMIT 1`,
    )
    .get(scope, rank);

const bytesOf = (db: Shelf["db"], scope: string, who: string, rank: number): number =>
  db
    .query<{ bytes: number }, [string, string, number]>(
      "SELECT bytes FROM usage WHERE scope = ? AND who = ? AND priority = ?",
    )
    .get(scope, who, rank)?.bytes ?? 0;

function oldest(db: Shelf["db"], where: string, values: readonly string[], rank: number): BundleRow {
  const row = db
    .query<BundleRow, (string | number)[]>(
      `SELECT * FROM bundle WHERE ${where} AND priority = ? ORDER BY rank LIMIT 1`,
    )
    .get(...values, rank);
  if (!row) throw new RangeError(`usage: ${values.join(" ")} holds nothing of class ${rank}`);
  return row;
}
