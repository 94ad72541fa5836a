import type { Database } from "bun:sqlite";
import type { Clock } from "../host/clock.ts";
import { KeptDatabase } from "./kept-database.ts";
import { additive, type Migration } from "./migration.ts";

export const JOURNAL_MIGRATIONS: readonly Migration[] = [
  additive(`CREATE TABLE entry (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    wall_ms INTEGER NOT NULL,
    part TEXT NOT NULL,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL DEFAULT '',
    detail TEXT NOT NULL DEFAULT '{}'
  ) STRICT`),
];

/** Longer details are refused: the journal is for events, not for contents. */
const MAX_DETAIL = 16_384;
/** Old entries are removed once per this many appends. */
const PRUNE_EVERY = 500;

export interface JournalEntry {
  id: number;
  /** What the box's clock said, in ms since 1970; `id` gives the true order. */
  wallMs: number;
  part: string;
  /** What happened, in kebab-case: `guest-consented`. */
  kind: string;
  /** To whom or what: a MAC address, an interface, a lease. */
  subject: string;
  detail: Record<string, unknown>;
}

type Row = { id: number; wall_ms: number; part: string; kind: string; subject: string; detail: string };

/** What happened on this box, in order, kept through power cuts. The oldest entries go first. */
export class Journal {
  private readonly database: KeptDatabase;
  private appended = 0;

  constructor(
    path: string,
    private readonly clock: Clock,
    private readonly maxEntries: number,
  ) {
    this.database = new KeptDatabase("journal", path, JOURNAL_MIGRATIONS);
  }

  /** @returns what is wrong with the medium, if something is */
  open(): ReturnType<KeptDatabase["open"]> {
    const found = this.database.open();
    this.prune(this.database.opened.db);
    return found;
  }

  close(): void {
    this.database.close();
  }

  /** Kept when the entry is on the medium. @throws RangeError when the detail is larger than 16 KiB */
  async append(
    part: string,
    kind: string,
    subject = "",
    detail: Record<string, unknown> = {},
  ): Promise<void> {
    const text = JSON.stringify(detail);
    if (text.length > MAX_DETAIL)
      throw new RangeError(`journal entry ${kind}: detail is larger than ${MAX_DETAIL} characters`);
    const { db, commit } = this.database.opened;
    const wallMs = Math.round(this.clock.wallMs());
    await commit.write(() => {
      db.query("INSERT INTO entry (wall_ms, part, kind, subject, detail) VALUES (?, ?, ?, ?, ?)").run(
        wallMs,
        part,
        kind,
        subject,
        text,
      );
      this.appended += 1;
      if (this.appended % PRUNE_EVERY === 0) this.prune(db);
    });
  }

  /** The last entries, newest first. */
  tail(count: number): JournalEntry[] {
    return this.database.opened.db
      .query<Row, [number]>("SELECT * FROM entry ORDER BY id DESC LIMIT ?")
      .all(count)
      .map(({ wall_ms, detail, ...row }) => ({ ...row, wallMs: wall_ms, detail: JSON.parse(detail) }));
  }

  private prune(db: Database): void {
    db.query("DELETE FROM entry WHERE id <= (SELECT max(id) FROM entry) - ?").run(this.maxEntries);
  }
}
