import { additive, KeptDatabase, type Migration } from "../../store/index.ts";
import type { BundleId } from "../bundle/bundle.ts";

export const OUTBOX_MIGRATIONS: readonly Migration[] = [
  additive(`CREATE TABLE item (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    uri TEXT NOT NULL,
    rank INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'sending', 'sent', 'failed')),
    tries INTEGER NOT NULL,
    detail TEXT NOT NULL
  ) STRICT;
  CREATE INDEX item_due ON item (state, rank, seq)`),
];

export interface OutboxRow {
  id: BundleId;
  uri: string;
  /** `sending`: begun, and not known to be over. */
  state: "waiting" | "sending" | "sent" | "failed";
  tries: number;
  detail: string;
}

const COLUMNS = "id, uri, state, tries, detail";

/** What is for somebody outside and how far it has come, on the medium. The bundles themselves are in custody. */
export class OutboxRows {
  private readonly database: KeptDatabase;

  constructor(path: string) {
    this.database = new KeptDatabase("outbox", path, OUTBOX_MIGRATIONS);
  }

  /** @returns what is wrong with the medium, if something is */
  open(): ReturnType<KeptDatabase["open"]> {
    return this.database.open();
  }

  close(): void {
    this.database.close();
  }

  /** Nothing happens where it is known. @param rank the smaller goes first */
  add(id: BundleId, uri: string, rank: number): Promise<void> {
    return this.write(
      "INSERT OR IGNORE INTO item (id, uri, rank, state, tries, detail) VALUES (?, ?, ?, 'waiting', 0, '')",
      [id, uri, rank],
    );
  }

  /** Kept when it is on the medium. */
  update({ id, state, tries, detail }: Omit<OutboxRow, "uri">): Promise<void> {
    return this.write("UPDATE item SET state = ?, tries = ?, detail = ? WHERE id = ?", [
      state,
      tries,
      detail,
      id,
    ]);
  }

  remove(id: BundleId): Promise<void> {
    return this.write("DELETE FROM item WHERE id = ?", [id]);
  }

  /** In the order in which they go. */
  inState(state: OutboxRow["state"]): OutboxRow[] {
    return this.database.opened.db
      .query<OutboxRow, [string]>(`SELECT ${COLUMNS} FROM item WHERE state = ? ORDER BY rank, seq`)
      .all(state);
  }

  get(id: BundleId): OutboxRow | undefined {
    const query = this.database.opened.db.query<OutboxRow, [string]>(
      `SELECT ${COLUMNS} FROM item WHERE id = ?`,
    );
    return query.get(id) ?? undefined;
  }

  /** The newest first. */
  newest(limit: number): OutboxRow[] {
    return this.database.opened.db
      .query<OutboxRow, [number]>(`SELECT ${COLUMNS} FROM item ORDER BY seq DESC LIMIT ?`)
      .all(limit);
  }

  counts(): Record<OutboxRow["state"], number> {
    const counts = { waiting: 0, sending: 0, sent: 0, failed: 0 };
    const rows = this.database.opened.db
      .query<{ state: OutboxRow["state"]; count: number }, []>(
        "SELECT state, count(*) AS count FROM item GROUP BY state",
      )
      .all();
    for (const { state, count } of rows) counts[state] = count;
    return counts;
  }

  private write(sql: string, values: (string | number)[]): Promise<void> {
    const { db, commit } = this.database.opened;
    return commit.write(() => void db.query(sql).run(...values));
  }
}
