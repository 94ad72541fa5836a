import { AGE_TABLE, additive, type Migration } from "../../store/index.ts";

/** What a bundle takes beside its own bytes: its row, its entries in the indices, its place in memory. */
export const ROW_BYTES = 1_024;

/**
 * The store's tables. Keys are hex, times are milliseconds of the store's age (see `store/age-keeper.ts`).
 *
 * `bundle.rank` grows with the time when a bundle was made and is another one for each: what pages go by. `cost` is
 * `ROW_BYTES` and the bytes of `encoded`; a bundle that was taken away leaves its row as a trace, with nothing in `encoded`.
 * `subject` is whose check-in it is, of a guest's that one alone; `latest` 1 for the newest of those. `about` is what a photo
 * or a post belongs to.
 *
 * `gone.ends_ms` is when a lifetime is over at the latest, counted from when the bundle first came.
 *
 * `usage` is kept by triggers, so that it can't be another than what is there. Its scopes: `all`, `holder`, `source`, and
 * `from <source>` of each holder what came by that source.
 */
export const MESSAGE_MIGRATIONS: readonly Migration[] = [
  additive(`CREATE TABLE bundle (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    rank INTEGER NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    priority INTEGER NOT NULL,
    sender TEXT NOT NULL,
    sender_as TEXT NOT NULL,
    to_kind TEXT NOT NULL,
    to_value TEXT NOT NULL,
    holder TEXT NOT NULL,
    source TEXT NOT NULL,
    born_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL,
    cost INTEGER NOT NULL,
    about TEXT,
    subject TEXT,
    name TEXT,
    version INTEGER,
    latest INTEGER NOT NULL DEFAULT 0,
    removed_by TEXT,
    removed_reason TEXT,
    crc INTEGER NOT NULL,
    encoded BLOB NOT NULL
  ) STRICT;
  CREATE INDEX bundle_by_kind ON bundle (kind, rank);
  CREATE INDEX bundle_by_room ON bundle (to_value, rank) WHERE kind = 'post';
  CREATE INDEX bundle_by_recipient ON bundle (to_value, seq) WHERE to_kind = 'person';
  CREATE INDEX bundle_outside ON bundle (seq) WHERE to_kind = 'outside';
  CREATE INDEX bundle_by_subject ON bundle (subject, rank) WHERE kind = 'check-in';
  CREATE INDEX bundle_latest ON bundle (rank) WHERE latest = 1;
  CREATE INDEX bundle_card ON bundle (sender) WHERE kind = 'card';
  CREATE INDEX bundle_about ON bundle (about) WHERE about IS NOT NULL;
  CREATE INDEX bundle_by_expiry ON bundle (expires_ms);
  CREATE INDEX bundle_by_holder ON bundle (holder, priority, rank);
  CREATE INDEX bundle_by_source ON bundle (source, priority, rank)`),

  additive(`CREATE TABLE usage (
    scope TEXT NOT NULL,
    who TEXT NOT NULL,
    priority INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    bundles INTEGER NOT NULL,
    PRIMARY KEY (scope, who, priority)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX usage_most ON usage (priority, bytes) WHERE scope = 'holder';
  CREATE TRIGGER bundle_added AFTER INSERT ON bundle BEGIN
    INSERT INTO usage VALUES
      ('all', '', new.priority, new.cost, 1),
      ('holder', new.holder, new.priority, new.cost, 1),
      ('source', new.source, new.priority, new.cost, 1)
      ON CONFLICT (scope, who, priority) DO UPDATE SET bytes = bytes + excluded.bytes, bundles = bundles + 1;
  END;
  CREATE TRIGGER bundle_emptied AFTER UPDATE OF cost ON bundle BEGIN
    UPDATE usage SET bytes = bytes + new.cost - old.cost
      WHERE scope = 'all' AND who = '' AND priority = new.priority;
    UPDATE usage SET bytes = bytes + new.cost - old.cost
      WHERE scope = 'holder' AND who = new.holder AND priority = new.priority;
    UPDATE usage SET bytes = bytes + new.cost - old.cost
      WHERE scope = 'source' AND who = new.source AND priority = new.priority;
  END;
  CREATE TRIGGER bundle_dropped AFTER DELETE ON bundle BEGIN
    UPDATE usage SET bytes = bytes - old.cost, bundles = bundles - 1
      WHERE scope = 'all' AND who = '' AND priority = old.priority;
    UPDATE usage SET bytes = bytes - old.cost, bundles = bundles - 1
      WHERE scope = 'holder' AND who = old.holder AND priority = old.priority;
    UPDATE usage SET bytes = bytes - old.cost, bundles = bundles - 1
      WHERE scope = 'source' AND who = old.source AND priority = old.priority;
    DELETE FROM usage WHERE scope = 'holder' AND who = old.holder AND priority = old.priority AND bundles = 0;
    DELETE FROM usage WHERE scope = 'source' AND who = old.source AND priority = old.priority AND bundles = 0;
  END`),

  additive(`CREATE TABLE gone (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    why TEXT NOT NULL,
    who TEXT NOT NULL,
    priority INTEGER NOT NULL,
    until_ms INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX gone_by_end ON gone (until_ms);
  CREATE TABLE receipt (
    of TEXT NOT NULL,
    seq INTEGER NOT NULL REFERENCES bundle (seq) ON DELETE CASCADE,
    state TEXT NOT NULL,
    sender TEXT NOT NULL,
    sender_as TEXT NOT NULL,
    note TEXT NOT NULL,
    rank INTEGER NOT NULL,
    PRIMARY KEY (of, seq)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX receipt_by_bundle ON receipt (seq);
  CREATE TABLE removal (
    of TEXT NOT NULL,
    seq INTEGER NOT NULL REFERENCES bundle (seq) ON DELETE CASCADE,
    sender TEXT NOT NULL,
    sender_as TEXT NOT NULL,
    reason TEXT NOT NULL,
    PRIMARY KEY (of, seq)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX removal_by_bundle ON removal (seq);
  CREATE TABLE handed_over (
    seq INTEGER NOT NULL REFERENCES bundle (seq) ON DELETE CASCADE,
    to_box TEXT NOT NULL,
    PRIMARY KEY (seq, to_box)
  ) STRICT, WITHOUT ROWID`),

  additive(`CREATE TABLE blocked (who TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
  CREATE TABLE report (
    of TEXT NOT NULL,
    station TEXT NOT NULL,
    reason TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    PRIMARY KEY (of, station)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE code (
    code TEXT PRIMARY KEY,
    of TEXT NOT NULL,
    until_ms INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX code_by_end ON code (until_ms);
  ${AGE_TABLE}`),

  additive(`CREATE VIRTUAL TABLE check_in_name USING fts5 (
    grams, content = '', contentless_delete = 1, detail = none, tokenize = 'ascii'
  );
  CREATE VIRTUAL TABLE card_name USING fts5 (
    grams, content = '', contentless_delete = 1, detail = none, tokenize = 'ascii'
  )`),

  // Of what came before, no younger copy counts.
  additive(`ALTER TABLE bundle ADD COLUMN came_ms INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE gone ADD COLUMN ends_ms INTEGER NOT NULL DEFAULT 0`),

  additive(`CREATE INDEX bundle_notice ON bundle (sender, rank) WHERE kind = 'notice'`),

  additive(`DROP INDEX bundle_by_source;
  CREATE INDEX bundle_by_source ON bundle (source, priority, holder, rank);
  DROP INDEX usage_most;
  CREATE INDEX usage_most ON usage (scope, priority, bytes);
  INSERT INTO usage SELECT 'from ' || source, holder, priority, sum(cost), count(*)
    FROM bundle GROUP BY source, holder, priority;
  CREATE TRIGGER bundle_added_from AFTER INSERT ON bundle BEGIN
    INSERT INTO usage VALUES ('from ' || new.source, new.holder, new.priority, new.cost, 1)
      ON CONFLICT (scope, who, priority) DO UPDATE SET bytes = bytes + excluded.bytes, bundles = bundles + 1;
  END;
  CREATE TRIGGER bundle_emptied_from AFTER UPDATE OF cost ON bundle BEGIN
    UPDATE usage SET bytes = bytes + new.cost - old.cost
      WHERE scope = 'from ' || new.source AND who = new.holder AND priority = new.priority;
  END;
  CREATE TRIGGER bundle_dropped_from AFTER DELETE ON bundle BEGIN
    UPDATE usage SET bytes = bytes - old.cost, bundles = bundles - 1
      WHERE scope = 'from ' || old.source AND who = old.holder AND priority = old.priority;
    DELETE FROM usage
      WHERE scope = 'from ' || old.source AND who = old.holder AND priority = old.priority AND bundles = 0;
  END`),
];
