import type { Database } from "bun:sqlite";
import type { BundleId } from "../bundle/bundle.ts";

/** What guests have reported of one bundle. */
export interface Reports {
  id: BundleId;
  count: number;
  /** The first ones, at most {@link MAX_REASONS}. */
  reasons: string[];
}

/** Reports kept in all; beyond it the oldest go. */
const MAX_REPORTS = 10_000;
const MAX_REASONS = 20;
const MAX_REPORTED = 200;
/** Codes kept in all; beyond it those that end first go. */
const MAX_CODES = 200_000;

/** A code shows what has become of a bundle for as long, also when that is gone. */
const CODE_KEPT_MS = 60 * 86_400_000;

export interface ModerationOptions {
  db: () => Database;
  /** Of the store's age. */
  nowMs: () => number;
  /** Kept when it is on the medium. */
  write: <T>(change: (db: Database) => T) => Promise<T>;
}

/** Who is blocked, what guests have reported, and the codes by which those without a key come back to what they wrote. */
export class Moderation {
  constructor(private readonly options: ModerationOptions) {}

  /** Takes no more from a key (hex) or from a station of this box (its MAC address). */
  block(who: string): Promise<void> {
    return this.options.write((db) => {
      db.query("INSERT OR IGNORE INTO blocked VALUES (?)").run(who.toLowerCase());
    });
  }

  /** @returns whether it was blocked */
  unblock(who: string): Promise<boolean> {
    return this.options.write(
      (db) => db.query("DELETE FROM blocked WHERE who = ?").run(who.toLowerCase()).changes > 0,
    );
  }

  isBlocked(who: string): boolean {
    return this.options.db().query("SELECT 1 FROM blocked WHERE who = ?").get(who.toLowerCase()) !== null;
  }

  blocked(): string[] {
    return this.options
      .db()
      .query<{ who: string }, []>("SELECT who FROM blocked ORDER BY who")
      .all()
      .map(({ who }) => who);
  }

  /** Of each station's reports of a bundle the first counts. @returns false where there is no such bundle to report */
  report(id: BundleId, station: string, reason: string): Promise<boolean> {
    const { nowMs, write } = this.options;
    return write((db) => {
      if (db.query("SELECT 1 FROM bundle WHERE id = ? AND removed_by IS NULL").get(id) === null) return false;
      db.query("INSERT OR IGNORE INTO report (of, station, reason, at_ms) VALUES (?, ?, ?, ?)").run(
        id,
        station,
        reason,
        nowMs(),
      );
      return true;
    });
  }

  /** Bundles that are reported and still here, those with most reports first. */
  reports(): Reports[] {
    const db = this.options.db();
    const reported = db
      .query<{ id: BundleId; count: number }, []>(
        `SELECT report.of AS id, count(*) AS count FROM report JOIN bundle ON bundle.id = report.of
         WHERE bundle.removed_by IS NULL GROUP BY report.of ORDER BY count DESC, id LIMIT ${MAX_REPORTED}`,
      )
      .all();
    const reasons = db.query<{ reason: string }, [string]>(
      `SELECT reason FROM report WHERE of = ? AND reason <> '' ORDER BY at_ms LIMIT ${MAX_REASONS}`,
    );
    return reported.map((entry) => ({
      ...entry,
      reasons: reasons.all(entry.id).map(({ reason }) => reason),
    }));
  }

  /** Keeps by what code a person without a key sees what becomes of a bundle, and takes it back. */
  keepCode(code: string, id: BundleId): Promise<void> {
    const { nowMs, write } = this.options;
    return write((db) => {
      db.query("INSERT OR REPLACE INTO code (code, of, until_ms) VALUES (?, ?, ?)").run(
        code,
        id,
        nowMs() + CODE_KEPT_MS,
      );
    });
  }

  idOfCode(code: string): BundleId | undefined {
    return this.options.db().query<{ of: BundleId }, [string]>("SELECT of FROM code WHERE code = ?").get(code)
      ?.of;
  }
}

/** Forgets reports of what is gone, codes that have ended, and the oldest of too many. */
export function forgetOld(db: Database, nowMs: number): void {
  db.query("DELETE FROM report WHERE NOT EXISTS (SELECT 1 FROM bundle WHERE id = report.of)").run();
  db.query(
    `DELETE FROM report WHERE (of, station) IN
     (SELECT of, station FROM report ORDER BY at_ms DESC LIMIT -1 OFFSET ${MAX_REPORTS})`,
  ).run();
  db.query("DELETE FROM code WHERE until_ms <= ?").run(nowMs);
  db.query(
    `DELETE FROM code WHERE code IN (SELECT code FROM code ORDER BY until_ms DESC LIMIT -1 OFFSET ${MAX_CODES})`,
  ).run();
}
