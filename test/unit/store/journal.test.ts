import { describe, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { Journal } from "../../../src/store/index.ts";
import { FakeClock } from "../fake-clock.ts";
import { scratchFolders } from "../scratch.ts";

const scratch = scratchFolders();

function openJournal(
  path = join(scratch(), "journal.sqlite"),
  maxEntries = 100_000,
  clock = new FakeClock(),
) {
  const journal = new Journal(path, clock, maxEntries);
  journal.open();
  return journal;
}

/** Appends `count` entries named by their number. */
async function fill(journal: Journal, count: number, from = 0): Promise<void> {
  await Promise.all(
    Array.from({ length: count }, (_, index) => journal.append("test", "tick", String(from + index))),
  );
}

describe("the journal", () => {
  test("tells what happened, newest first", async () => {
    const clock = new FakeClock();
    const journal = openJournal(undefined, undefined, clock);
    await journal.append("box", "started", "", { version: "1" });
    clock.pass(1_000);
    await journal.append("gateway", "guest-agreed", "02:00:00:00:00:01", { ipv4: "10.20.0.16" });
    expect(journal.tail(10)).toEqual([
      {
        id: 2,
        wallMs: clock.wallMs(),
        part: "gateway",
        kind: "guest-agreed",
        subject: "02:00:00:00:00:01",
        detail: { ipv4: "10.20.0.16" },
      },
      {
        id: 1,
        wallMs: clock.wallMs() - 1_000,
        part: "box",
        kind: "started",
        subject: "",
        detail: { version: "1" },
      },
    ]);
    journal.close();
  });

  test("keeps the order in which entries came, whatever the wall clock does", async () => {
    const clock = new FakeClock();
    const journal = openJournal(undefined, undefined, clock);
    for (const [index, jump] of [0, -1e12, 5e11, -3].entries()) {
      clock.jumpWall(jump);
      await journal.append("test", "tick", String(index));
    }
    expect(journal.tail(10).map(({ subject }) => subject)).toEqual(["3", "2", "1", "0"]);
    journal.close();
  });

  test("keeps the order of entries that are appended all at once", async () => {
    const journal = openJournal();
    await fill(journal, 200);
    expect(journal.tail(200).map(({ subject }) => Number(subject))).toEqual(
      Array.from({ length: 200 }, (_, index) => 199 - index),
    );
    journal.close();
  });

  test("never gives a number twice, also after the oldest have gone and the box was restarted", async () => {
    const path = join(scratch(), "journal.sqlite");
    const first = openJournal(path, 10);
    await fill(first, 500);
    const last = first.tail(1)[0]?.id ?? 0;
    first.close();
    const second = openJournal(path, 10);
    await fill(second, 1);
    expect(second.tail(1)[0]?.id).toBe(last + 1);
    second.close();
  });

  test("holds at most what it may, and as many as it prunes at a time", async () => {
    const journal = openJournal(undefined, 100);
    for (let round = 0; round < 5; round += 1) await fill(journal, 500, round * 500);
    expect(journal.tail(10_000).length).toBeLessThanOrEqual(100 + 500);
    expect(journal.tail(1)[0]?.subject).toBe("2499");
    journal.close();
  });

  test("holds at most that also on a box that is restarted again and again", async () => {
    const path = join(scratch(), "journal.sqlite");
    for (let round = 0; round < 8; round += 1) {
      const journal = openJournal(path, 100);
      await fill(journal, 200, round * 200);
      journal.close();
    }
    const journal = openJournal(path, 100);
    expect(journal.tail(10_000).length).toBeLessThanOrEqual(100 + 500);
    journal.close();
  });

  test("refuses a detail of more than 16 KiB and takes one of just that", async () => {
    const journal = openJournal();
    const frame = JSON.stringify({ text: "" }).length;
    await journal.append("test", "long", "", { text: "x".repeat(16_384 - frame) });
    expect(journal.append("test", "longer", "", { text: "x".repeat(16_385 - frame) })).rejects.toThrow(
      RangeError,
    );
    expect(journal.tail(10).map(({ kind }) => kind)).toEqual(["long"]);
    journal.close();
  });

  test("gives back any words and details as they were", async () => {
    const journal = openJournal();
    const words = fc.string({ unit: "grapheme", maxLength: 50 });
    await fc.assert(
      fc.asyncProperty(
        words,
        words,
        words,
        fc.dictionary(words, fc.jsonValue()),
        async (part, kind, subject, detail) => {
          const append = journal.append(part, kind, subject, detail);
          await append;
          const [entry] = journal.tail(1);
          expect(entry).toMatchObject({ part, kind, subject });
          expect(entry?.detail).toEqual(JSON.parse(JSON.stringify(detail)));
        },
      ),
      { numRuns: 40 },
    );
    journal.close();
  });

  test("that is closed keeps what was still waiting", async () => {
    const path = join(scratch(), "journal.sqlite");
    const journal = openJournal(path);
    const waiting = fill(journal, 3);
    journal.close();
    await waiting;
    const again = openJournal(path);
    expect(again.tail(10)).toHaveLength(3);
    again.close();
  });

  test("refuses entries before it is opened and after it is closed", async () => {
    const journal = new Journal(join(scratch(), "journal.sqlite"), new FakeClock(), 100);
    expect(journal.append("test", "early")).rejects.toThrow("not open");
    journal.open();
    journal.close();
    expect(journal.append("test", "late")).rejects.toThrow("not open");
  });

  test("that cannot be read is set aside and begun anew", async () => {
    const path = join(scratch(), "journal.sqlite");
    writeFileSync(path, "this was a journal once".repeat(200));
    const journal = new Journal(path, new FakeClock(), 100);
    expect(journal.open()).toEqual({ setAside: `${path}.torn`, volatile: undefined });
    await journal.append("box", "started");
    expect(journal.tail(10)).toHaveLength(1);
    journal.close();
  });

  test("that cannot be opened is one in memory, and says why", async () => {
    const path = join(scratch(), "journal.sqlite");
    mkdirSync(path);
    const journal = new Journal(path, new FakeClock(), 100);
    expect(journal.open()).toEqual({
      setAside: undefined,
      volatile: expect.stringContaining("unable to open"),
    });
    await journal.append("box", "started");
    expect(journal.tail(10)).toHaveLength(1);
    journal.close();
  });
});
