import { describe, expect, test } from "bun:test";
import { resolve } from "node:path";
import { seededRandom } from "../../../../src/bench/seeded-random.ts";
import { systemClock } from "../../../../src/host/clock.ts";
import { systemTimers } from "../../../../src/host/timers.ts";
import { systemBootClock } from "../../../../src/lora/index.ts";
import { KilledProgram, killedProgram } from "../../messages/kill-process.ts";
import { scratchFolders } from "../../scratch.ts";
import type { KillLeasesArguments } from "./kill-leases.ts";
import { endsIn, openLeases } from "./store-stand.ts";

/** More rounds for a long run: `OMERTA_LEASE_KILLS=1000 bun test …`. */
const ROUNDS = Number(process.env.OMERTA_LEASE_KILLS ?? 30);
const ROUND_TIMEOUT_MS = 5_000;
/** Then it begins in an empty folder again, so that the making of the files is met as well. */
const ROUNDS_PER_FOLDER = 10;
const LONGEST_LIFE_MS = 300;
/** In one of so many rounds it is killed while it still ends what the last one left. */
const EARLY_EVERY = 4;
const START_MS = 200;

const scratch = scratchFolders();
const program = killedProgram(resolve(import.meta.dir, "kill-leases.ts"), scratch);
const random = seededRandom(20_261_129);
let lives = 0;

/** One box over so many lives. @returns how many leases it began, and how many of them a next daemon ended */
async function stretch(rounds: number): Promise<{ begun: number; swept: number }> {
  const folder = scratch();
  const begun = new Set<string>();
  const said = new Map<string, string>();
  const daemon = new KilledProgram(program, (what, id = "", outcome = "") => {
    if (what === "begun") begun.add(id);
    else said.set(id, outcome);
  });
  const start = (isLending: boolean) => {
    lives += 1;
    const config: KillLeasesArguments = { folder, life: lives, isLending };
    return daemon.start(config);
  };
  for (let round = 1; round <= rounds; round += 1) {
    const up = start(true);
    const isEarly = round % EARLY_EVERY === 0;
    if (!isEarly) await up;
    await Bun.sleep(random() * (isEarly ? START_MS : LONGEST_LIFE_MS));
    await daemon.kill();
  }
  await start(false);
  // It stays until it is killed only while it lends.
  const clocks = { clock: systemClock, timers: systemTimers, bootClock: systemBootClock() };
  const { store, journal, found } = openLeases(folder, clocks);
  expect(found.map(({ setAside, volatile }) => setAside ?? volatile)).toEqual([undefined, undefined]);
  expect(await store.recover()).toEqual([]);
  const ends = endsIn(journal);
  const outcomes = new Map(ends.map(({ subject, detail }) => [subject, detail.outcome as string]));
  // Once each, whoever wrote it.
  expect(outcomes.size).toBe(ends.length);
  expect([...begun].filter((id) => !outcomes.has(id))).toEqual([]);
  expect([...said].filter(([id, outcome]) => outcomes.get(id) !== outcome)).toEqual([]);
  for (const { subject, detail } of ends) expect(detail.activity).toBe(`what ${subject} is for`);
  const swept = ends.filter(({ detail }) => detail.why === "the box was restarted");
  store.close();
  journal.close();
  return { begun: begun.size, swept: swept.length };
}

describe("a daemon that lends and is killed with SIGKILL at random moments", () => {
  test(
    `leaves the end of each lease in the journal once, with the reason that it had said, in ${ROUNDS} rounds`,
    async () => {
      const sum = { begun: 0, swept: 0 };
      for (let left = ROUNDS; left > 0; left -= ROUNDS_PER_FOLDER) {
        const { begun, swept } = await stretch(Math.min(left, ROUNDS_PER_FOLDER));
        sum.begun += begun;
        sum.swept += swept;
        if (process.env.OMERTA_LEASE_KILLS !== undefined) console.log(left, sum);
      }
      // The rounds are of worth only where something was lent in them, and left behind.
      expect(sum.begun).toBeGreaterThan(ROUNDS / 3);
      expect(sum.swept).toBeGreaterThan(ROUNDS / 10);
    },
    ROUNDS * ROUND_TIMEOUT_MS,
  );
});
