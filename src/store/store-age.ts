import type { Database } from "bun:sqlite";
import type { Clock } from "../host/clock.ts";
import type { Timers } from "../host/timers.ts";
import { AgeKeeper, type KeptAge } from "./age-keeper.ts";

export interface StoreClocks {
  clock: Pick<Clock, "wallMs">;
  timers: Timers;
  /** The kernel's time since boot, suspension included. */
  bootClock: { readonly bootId: string; nowMs(): number };
}

/** The table that a store with an age has, for its schema: one row of it. */
export const AGE_TABLE = `CREATE TABLE age (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    age_ms INTEGER NOT NULL,
    boot_id TEXT NOT NULL,
    boot_ms INTEGER NOT NULL,
    wall_ms INTEGER NOT NULL
  ) STRICT`;

type Row = { age_ms: number; boot_id: string; boot_ms: number; wall_ms: number };

/** The age of a store, kept in the store itself, in its {@link AGE_TABLE}. */
export class StoreAge {
  private readonly keeper: AgeKeeper;
  private keptMs = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly db: Database,
    private readonly clocks: StoreClocks,
  ) {
    const { clock, timers, bootClock } = clocks;
    this.keeper = new AgeKeeper({
      kept: read(db),
      monotonicMs: () => timers.monotonicMs(),
      moment: () => ({ bootId: bootClock.bootId, bootMs: bootClock.nowMs(), wallMs: clock.wallMs() }),
    });
  }

  /** See {@link AgeKeeper.guessedMs}. */
  get guessedMs(): number {
    return this.keeper.guessedMs;
  }

  nowMs(): number {
    return this.keeper.nowMs();
  }

  /** Writes the age down, where that was not done within `everyMs`. */
  keep(everyMs = 0): void {
    const monotonicMs = this.clocks.timers.monotonicMs();
    if (monotonicMs - this.keptMs < everyMs) return;
    const { ageMs, bootId, bootMs, wallMs } = this.keeper.toKeep();
    this.db
      .query("INSERT OR REPLACE INTO age (only, age_ms, boot_id, boot_ms, wall_ms) VALUES (1, ?, ?, ?, ?)")
      .run(ageMs, bootId, bootMs, wallMs);
    this.keptMs = monotonicMs;
  }
}

function read(db: Database): KeptAge | undefined {
  const row = db.query<Row, []>("SELECT age_ms, boot_id, boot_ms, wall_ms FROM age").get();
  return row
    ? { ageMs: row.age_ms, bootId: row.boot_id, bootMs: row.boot_ms, wallMs: row.wall_ms }
    : undefined;
}
