import { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import { ROAMING_MIGRATIONS } from "../../../src/gateway/roaming/statement-store.ts";
import { SESSION_MIGRATIONS } from "../../../src/gateway/session-store.ts";
import { LEDGER_MIGRATIONS } from "../../../src/lora/airtime/ledger-store.ts";
import { MESSAGE_MIGRATIONS } from "../../../src/messages/custody/store-schema.ts";
import { OUTBOX_MIGRATIONS } from "../../../src/messages/outbox/outbox-rows.ts";
import { JOURNAL_MIGRATIONS } from "../../../src/store/index.ts";
import { LEASE_MIGRATIONS } from "../../../src/vm/leases/lease-schema.ts";
import { formOf, whyNotAdditive } from "./form-of.ts";

/** Each by itself. @returns what was wrong after the last statement */
function after(...statements: string[]): string[] {
  const db = new Database(":memory:", { strict: true });
  const last = statements.pop() ?? "";
  for (const sql of statements) db.run(sql);
  const before = formOf(db);
  db.run(last);
  const reasons = whyNotAdditive(before, formOf(db));
  db.close();
  return reasons;
}

describe("a step that only adds", () => {
  test.each([
    ["messages", MESSAGE_MIGRATIONS],
    ["sessions", SESSION_MIGRATIONS],
    ["roaming", ROAMING_MIGRATIONS],
    ["the journal", JOURNAL_MIGRATIONS],
    ["airtime", LEDGER_MIGRATIONS],
    ["leases", LEASE_MIGRATIONS],
    ["the outbox", OUTBOX_MIGRATIONS],
  ])("is what it says in all of %s: what older versions use is as it was", (_, migrations) => {
    const db = new Database(":memory:", { strict: true });
    for (const [index, { sql, olderMayGoOn }] of migrations.entries()) {
      const before = formOf(db);
      db.run(sql);
      expect([index + 1, olderMayGoOn ? whyNotAdditive(before, formOf(db)) : []]).toEqual([index + 1, []]);
    }
    db.close();
  });
});

describe("a step that does more", () => {
  const TABLE = "CREATE TABLE row (name TEXT NOT NULL, age INTEGER) STRICT";
  test.each([
    ["takes a table away", "DROP TABLE row", "the table row is gone"],
    ["calls one otherwise", "ALTER TABLE row RENAME TO line", "the table row is gone"],
    ["takes a column away", "ALTER TABLE row DROP COLUMN name", "the column row.name is another"],
    ["calls one otherwise", "ALTER TABLE row RENAME COLUMN age TO years", "the column row.age is another"],
    ["lets no two rows be the same", "CREATE UNIQUE INDEX one ON row (name)", "row(name) has to be unique"],
    [
      "asks for what older versions do not write",
      "DROP TABLE row; CREATE TABLE row (name TEXT NOT NULL, age INTEGER, room TEXT NOT NULL) STRICT",
      "the column row.room has no default",
    ],
  ])("is seen: one that %s", (_, sql, reason) => {
    expect(after(TABLE, sql)).toContain(reason);
  });

  test("is told from one that adds a table, an index and columns", () => {
    expect(
      after(
        TABLE,
        `CREATE TABLE other (name TEXT UNIQUE) STRICT; CREATE INDEX by_age ON row (age);
         ALTER TABLE row ADD COLUMN room TEXT; ALTER TABLE row ADD COLUMN size INTEGER NOT NULL DEFAULT 0`,
      ),
    ).toEqual([]);
  });
});
