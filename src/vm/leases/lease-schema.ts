import { AGE_TABLE, additive, type Migration } from "../../store/index.ts";

/** `lease`: see the store; `seen`: requests that were let in, by who asked; `age`: what has passed, see `StoreAge`. */
export const LEASE_MIGRATIONS: readonly Migration[] = [
  additive(`CREATE TABLE lease (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    requester TEXT NOT NULL,
    network TEXT,
    activity TEXT NOT NULL,
    request TEXT NOT NULL,
    state TEXT NOT NULL,
    statistics TEXT NOT NULL DEFAULT '{}',
    age_ms INTEGER NOT NULL,
    used_ms INTEGER NOT NULL,
    outcome TEXT,
    why TEXT NOT NULL DEFAULT '',
    journal_after INTEGER,
    journalled INTEGER NOT NULL DEFAULT 0
  ) STRICT;
  CREATE INDEX lease_live ON lease (journalled) WHERE journalled = 0;
  CREATE TABLE seen (
    turn INTEGER PRIMARY KEY AUTOINCREMENT,
    requester TEXT NOT NULL UNIQUE,
    before INTEGER NOT NULL,
    later TEXT NOT NULL
  ) STRICT;
  ${AGE_TABLE}`),
];
