import type { Database } from "bun:sqlite";
import { type OpenedDatabase, openDatabase } from "./database.ts";
import { GroupCommit } from "./group-commit.ts";

/** A part's database from its opening to its closing, with its writes committed in groups. */
export class KeptDatabase {
  private held: { db: Database; commit: GroupCommit } | undefined;

  constructor(
    /** What it is called in errors. */
    private readonly name: string,
    private readonly path: string,
    private readonly migrations: readonly string[],
  ) {}

  /** @returns what is wrong with the medium, if something is */
  open(): Pick<OpenedDatabase, "setAside" | "volatile"> {
    const { db, setAside, volatile } = openDatabase(this.path, this.migrations);
    this.held = { db, commit: new GroupCommit(db) };
    return { setAside, volatile };
  }

  close(): void {
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
