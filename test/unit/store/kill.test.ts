import { describe, expect, test } from "bun:test";
import { mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import fc from "fast-check";
import { z } from "zod";
import { SessionStore } from "../../../src/gateway/session-store.ts";
import { systemClock } from "../../../src/host/clock.ts";
import { Journal, openDocument } from "../../../src/store/index.ts";
import { saidUntilKilled } from "../kill-after.ts";
import { scratchFolders } from "../scratch.ts";

/** More rounds for a long run: `OMERTA_DOCUMENT_KILLS=1000 bun test …`. */
const ROUNDS = Number(process.env.OMERTA_DOCUMENT_KILLS ?? 200);
const LANES = 3;
/** After so many rounds a lane begins in an empty folder again, so that the making of the files is met as well. */
const ROUNDS_PER_FOLDER = 21;
/** It is killed after so many lines at most, and at most so long after. */
const MOST_LINES = 12;
const LONGEST_AFTER_MS = 10;
/** A writer that starts takes about this long until it writes. */
const START_MS = 90;
const WRITER = resolve(import.meta.dir, "kill-writer.ts");

const scratch = scratchFolders();

/** What writers of one folder have said that it is kept. */
interface Kept {
  document: number;
  journal: Set<string>;
  sessions: Map<string, number>;
}

const nothingKept = (): Kept => ({ document: 0, journal: new Set(), sessions: new Map() });

function take(lines: readonly string[], kept: Kept): void {
  for (const line of lines) {
    const [what, name = "", value = ""] = line.split(" ");
    if (what === "document") kept.document = Number(name);
    else if (what === "journal") kept.journal.add(name);
    else if (what === "session") kept.sessions.set(name, Number(value));
  }
}

/** Opens what the killed writer left, and finds all that was kept, and nothing torn. @returns the highest number written */
function findEverything(folder: string, kept: Kept): number {
  const schema = z.strictObject({ counter: z.int() });
  const document = openDocument(join(folder, "counter.json"), schema, () => ({ counter: 0 }));
  expect(document.setAside).toEqual([]);
  expect(document.origin).not.toBe("previous");
  // The one that was being written when the kill came may be there as well.
  expect([kept.document, kept.document + 1]).toContain(document.data.counter);
  kept.document = document.data.counter;

  const journal = new Journal(join(folder, "journal.sqlite"), systemClock, 10_000_000);
  const sessions = new SessionStore(join(folder, "sessions.sqlite"));
  expect([journal.open().setAside, sessions.open().setAside]).toEqual([undefined, undefined]);
  const entries = journal.tail(10_000_000);
  const found = new Set(entries.map(({ subject }) => subject));
  expect([...kept.journal].filter((entry) => !found.has(entry))).toEqual([]);
  expect(found.size).toBe(entries.length);

  const stored = new Map(sessions.all().map(({ mac, remainingMs }) => [mac, remainingMs]));
  const lost = [...kept.sessions].filter(([mac, value]) => (stored.get(mac) ?? 0) < value);
  expect(lost).toEqual([]);
  journal.close();
  sessions.close();
  return Math.max(0, ...[...found].map(Number), ...stored.values());
}

describe("a writer that is killed with SIGKILL at a random moment", () => {
  test(
    `loses nothing that it said was kept, in ${ROUNDS} rounds`,
    async () => {
      // The moments come from a seed, so that a failing run has the same ones again.
      const [moments = []] = fc.sample(
        fc.noBias(
          fc.array(
            fc.nat(1_000_000).map((part) => part / 1_000_000),
            { minLength: 2 * ROUNDS, maxLength: 2 * ROUNDS },
          ),
        ),
        { seed: 20_260_701, numRuns: 1 },
      );
      let round = 0;
      let acknowledged = 0;
      const lane = async () => {
        let folder = "";
        let kept = nothingKept();
        let highest = 0;
        for (let own = 0; round < ROUNDS; own += 1) {
          const [moment = 0, after = 0] = moments.slice(2 * round);
          round += 1;
          if (own % ROUNDS_PER_FOLDER === 0) {
            folder = join(scratch(), "state");
            mkdirSync(folder);
            kept = nothingKept();
            highest = 0;
          }
          const early = round % 5 === 0;
          const lines = await saidUntilKilled([process.execPath, WRITER, folder, String(highest)], {
            lines: early ? undefined : Math.ceil(moment * MOST_LINES),
            ms: after * (early ? START_MS : LONGEST_AFTER_MS),
          });
          acknowledged += lines.length;
          take(lines, kept);
          highest = findEverything(folder, kept);
        }
      };
      await Promise.all(Array.from({ length: LANES }, lane));
      expect(round).toBe(ROUNDS);
      // The rounds are of worth only where the writers came to write.
      expect(acknowledged).toBeGreaterThan(ROUNDS);
    },
    20_000 + ROUNDS * 500,
  );
});
