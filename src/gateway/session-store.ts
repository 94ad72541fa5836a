import { additive, KeptDatabase, type Migration } from "../store/index.ts";
import { RISKS_VERSION } from "./session.ts";

/** An agreement that outlives restarts. It is kept with the time that was left, not with a date: a Pi has no battery clock. */
export interface StoredConsent {
  mac: string;
  ipv4: string;
  language: string;
  /** The box at which the owner agreed; "" for this one. */
  from: string;
  remainingMs: number;
}

type Row = { mac: string; ipv4: string; language: string; came_from: string; remaining_ms: number };

export const SESSION_MIGRATIONS: readonly Migration[] = [
  additive(`CREATE TABLE consent (
    mac TEXT PRIMARY KEY,
    ipv4 TEXT NOT NULL,
    language TEXT NOT NULL,
    remaining_ms INTEGER NOT NULL CHECK (remaining_ms > 0)
  ) STRICT, WITHOUT ROWID`),
  additive("ALTER TABLE consent ADD COLUMN came_from TEXT NOT NULL DEFAULT ''"),
  additive("ALTER TABLE consent ADD COLUMN risks INTEGER NOT NULL DEFAULT 1"),
];

/** The consents on the medium. What was agreed to when the risks were others does not hold, and goes with the next that is saved. */
export class SessionStore {
  private readonly database: KeptDatabase;

  /** @param risks which risks guests agree to now */
  constructor(
    path: string,
    private readonly risks = RISKS_VERSION,
  ) {
    this.database = new KeptDatabase("session store", path, SESSION_MIGRATIONS);
  }

  /** @returns what is wrong with the medium, if something is */
  open(): ReturnType<KeptDatabase["open"]> {
    return this.database.open();
  }

  close(): void {
    this.database.close();
  }

  all(): StoredConsent[] {
    return this.database.opened.db
      .query<Row, [number]>(
        "SELECT mac, ipv4, language, came_from, remaining_ms FROM consent WHERE risks = ?",
      )
      .all(this.risks)
      .map(({ came_from, remaining_ms, ...row }) => ({ ...row, from: came_from, remainingMs: remaining_ms }));
  }

  /** Kept when all of them are on the medium. */
  save(consents: readonly StoredConsent[]): Promise<void> {
    const { db, commit } = this.database.opened;
    return commit.write(() => {
      db.query("DELETE FROM consent WHERE risks != ?").run(this.risks);
      const put = db.query(
        "INSERT INTO consent (mac, ipv4, language, came_from, remaining_ms, risks) VALUES (?1, ?2, ?3, ?4, ?5, ?6) " +
          "ON CONFLICT (mac) DO UPDATE SET ipv4 = ?2, language = ?3, came_from = ?4, remaining_ms = ?5, risks = ?6",
      );
      for (const { mac, ipv4, language, from, remainingMs } of consents) {
        put.run(mac, ipv4, language, from, Math.max(1, Math.round(remainingMs)), this.risks);
      }
    });
  }

  remove(mac: string): Promise<void> {
    const { db, commit } = this.database.opened;
    return commit.write(() => db.query("DELETE FROM consent WHERE mac = ?").run(mac));
  }
}
