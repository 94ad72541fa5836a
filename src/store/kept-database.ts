import type { Database } from "bun:sqlite";
import { type OpenedDatabase, openDatabase } from "./database.ts";
import { GroupCommit } from "./group-commit.ts";
import type { Migration } from "./migration.ts";
import { forgetCopy } from "./way-back.ts";

/**
 * How long a version runs with a database before the copy for the version before goes: longer than any trial, and long
 * enough for an operator's second thoughts. By the time that it runs without a restart, for a box's clock may be set by years.
 */
const WAY_BACK_MS = 3 * 24 * 3_600_000;

/** A part's database from its opening to its closing, with its writes committed in groups. */
export class KeptDatabase {
  private held: { db: Database; commit: GroupCommit } | undefined;
  private forgetting: ReturnType<typeof setTimeout> | undefined;

  constructor(
    /** What it is called in errors. */
    private readonly name: string,
    private readonly path: string,
    private readonly migrations: readonly Migration[],
    private readonly wayBackMs = WAY_BACK_MS,
  ) {}

  /** @returns what is wrong with the medium, if something is, and what a newer version has left */
  open(): Omit<OpenedDatabase, "db"> {
    const { db, ...found } = openDatabase(this.path, this.migrations);
    this.held = { db, commit: new GroupCommit(db) };
    if (found.volatile === undefined) {
      this.forgetting = setTimeout(() => {
        try {
          forgetCopy(this.path);
        } catch {
          // The medium takes no more, and says so elsewhere: the copy stays, and is in nobody's way.
        }
      }, this.wayBackMs);
      this.forgetting.unref();
    }
    return found;
  }

  close(): void {
    clearTimeout(this.forgetting);
    this.held?.commit.flush();
    this.held?.db.close();
    this.held = undefined;
  }

  /** @throws Error when it is not open */
  get opened(): { db: Database; commit: GroupCommit } {
    if (!this.held) throw new Error(`the ${this.name} is not open`);
    return this.held;
  }
}
