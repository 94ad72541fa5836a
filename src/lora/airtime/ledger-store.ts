import { additive, KeptDatabase, type Migration } from "../../store/index.ts";
import type { Reservation } from "./airtime-ledger.ts";

type Row = { id: number; boot: string; at_ms: number; airtime_ms: number };

export const LEDGER_MIGRATIONS: readonly Migration[] = [
  additive(`CREATE TABLE reservation (
    id INTEGER PRIMARY KEY,
    sub_band TEXT NOT NULL,
    boot TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    airtime_ms INTEGER NOT NULL CHECK (airtime_ms > 0)
  ) STRICT`),
  additive("CREATE INDEX reservation_by_band ON reservation (sub_band, id)"),
];

/** A row that is older than this and has younger ones behind it speaks of no window any more. */
const FORGET_AFTER_MS = 2 * 3_600_000;

/** Airtime that was set apart, on the medium. Times are of the boot that is named beside them. */
export class LedgerStore {
  private readonly database: KeptDatabase;

  /** @param boot the id of this boot: times of another one are of another clock */
  constructor(
    path: string,
    private readonly boot: string,
  ) {
    this.database = new KeptDatabase("airtime ledger", path, LEDGER_MIGRATIONS);
  }

  /** @returns what is wrong with the medium, if something is */
  open(): ReturnType<KeptDatabase["open"]> {
    return this.database.open();
  }

  close(): void {
    this.database.close();
  }

  /** Kept when it is on the medium. */
  reserve({ subBand, atMs, airtimeMs }: Reservation): Promise<void> {
    const { db, commit } = this.database.opened;
    return commit.write(() => {
      db.query("INSERT INTO reservation (sub_band, boot, at_ms, airtime_ms) VALUES (?, ?, ?, ?)").run(
        subBand,
        this.boot,
        Math.floor(atMs),
        Math.ceil(airtimeMs),
      );
      db.query(
        `DELETE FROM reservation WHERE sub_band = ?1 AND id < (SELECT max(id) FROM reservation
         WHERE sub_band = ?1 AND boot = ?2 AND at_ms < ?3)`,
      ).run(subBand, this.boot, Math.floor(atMs) - FORGET_AFTER_MS);
    });
  }

  /** What was set apart in a sub-band, oldest first, on this boot's clock. What speaks of no window any more is forgotten. */
  earlier(subBand: string, nowMs: number): Reservation[] {
    const { db } = this.database.opened;
    const rows = db
      .query<Row, [string]>(
        "SELECT id, boot, at_ms, airtime_ms FROM reservation WHERE sub_band = ? ORDER BY id",
      )
      .all(subBand);
    const moved = onOneClock(rows, this.boot, nowMs);
    // Rows of boots that were short are older than their own clocks say.
    const old = moved.findLast(({ at_ms }) => at_ms < nowMs - FORGET_AFTER_MS);
    if (old) db.query("DELETE FROM reservation WHERE sub_band = ? AND id < ?").run(subBand, old.id);
    return moved.map(({ boot, at_ms, airtime_ms }) => ({
      subBand,
      atMs: at_ms,
      airtimeMs: airtime_ms,
      ...(boot === this.boot ? {} : { isOfEarlierBoot: true }),
    }));
  }
}

/**
 * Moves rows of earlier boots as late as they can have been: how long the box was off is not known (a Pi has no battery
 * clock), so each boot's last row stands right before the first of the next boot, and its others as far before that as
 * its own clock says.
 */
export function onOneClock<R extends { boot: string; at_ms: number }>(
  rows: readonly R[],
  boot: string,
  nowMs: number,
): R[] {
  const moved: R[] = [];
  let latestMs = nowMs;
  let shift = 0;
  let of = boot;
  for (const row of [...rows].reverse()) {
    if (row.boot !== of) {
      of = row.boot;
      shift = latestMs - row.at_ms;
    }
    const at_ms = Math.min(latestMs, row.at_ms + shift);
    moved.push({ ...row, at_ms });
    latestMs = at_ms;
  }
  return moved.reverse();
}
