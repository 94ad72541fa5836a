import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { additive, breaking, Journal, openDatabase, tellFromNewer } from "../../../src/store/index.ts";
import { FakeClock } from "../fake-clock.ts";
import { scratchFolders } from "../scratch.ts";

const scratch = scratchFolders();

const FIRST = additive("CREATE TABLE one (name TEXT) STRICT");
const ADDS = additive("CREATE TABLE two (name TEXT) STRICT");
const BREAKS = breaking("DROP TABLE one");

/** Opens a database as each of the versions, one after the other. @returns what the last one has told */
async function toldAfter(...versions: (readonly [typeof FIRST, ...(typeof FIRST)[]])[]) {
  const folder = scratch();
  const journal = new Journal(join(folder, "journal.sqlite"), new FakeClock(), 100);
  journal.open();
  const lines: string[] = [];
  for (const migrations of versions) {
    const found = openDatabase(join(folder, "state.sqlite"), migrations);
    found.db.close();
    lines.length = 0;
    const log = {
      error: (text: string) => lines.push(`error ${text}`),
      warn: (text: string) => lines.push(`warn ${text}`),
    };
    tellFromNewer(found, { part: "messages", what: "the messages", journal, log });
  }
  await journal.append("test", "last");
  const entries = journal.tail(10).slice(1);
  journal.close();
  return { lines, entries: entries.map(({ part, kind, detail }) => ({ part, kind, detail })) };
}

describe("what a newer version has left", () => {
  test("is not worth a word where it is none", async () => {
    expect(await toldAfter([FIRST], [FIRST, ADDS])).toEqual({ lines: [], entries: [] });
  });

  test("is in the log and the journal where this one goes on", async () => {
    const { lines, entries } = await toldAfter([FIRST, ADDS], [FIRST]);
    expect(lines).toEqual([expect.stringContaining("warn the messages: a newer version was here")]);
    const detail = { version: 2, known: 1 };
    expect(entries).toEqual([{ part: "messages", kind: "database-goes-on", detail }]);
  });

  test("is loud, and names the file, where a copy was taken back", async () => {
    const { lines, entries } = await toldAfter([FIRST], [FIRST, BREAKS], [FIRST]);
    expect(lines).toEqual([expect.stringMatching(/^error .* as they were .* state\.sqlite\.newer\.1/)]);
    expect(entries.map(({ kind }) => kind)).toEqual(["database-copy-taken-back"]);
  });

  test("is loud, and names the file, where nothing could be taken back", async () => {
    const { lines, entries } = await toldAfter([FIRST, BREAKS], [FIRST]);
    expect(lines).toEqual([expect.stringMatching(/^error .* no copy .* state\.sqlite\.newer\.1/)]);
    expect(entries.map(({ kind }) => kind)).toEqual(["database-begun-anew"]);
  });
});
