import { describe, expect, test } from "bun:test";
import { resolve } from "node:path";
import { seededRandom } from "../../../../src/bench/seeded-random.ts";
import { saidUntilKilled } from "../../kill-after.ts";
import { scratchFolders } from "../../scratch.ts";
import { message, READER } from "./kill-messages.ts";
import { openStand } from "./store-stand.ts";

/** More rounds for a long run: `OMERTA_STORE_KILLS=1000 bun test …`. */
const ROUNDS = Number(process.env.OMERTA_STORE_KILLS ?? 100);
const LANES = 2;
/** After so many rounds a lane begins in an empty folder again, so that the making of the file is met as well. */
const ROUNDS_PER_FOLDER = 21;
/** It is killed after so many lines at most, and at most so long after. */
const MOST_LINES = 12;
const LONGEST_AFTER_MS = 10;
/** A taker that starts takes about this long until it takes. */
const START_MS = 120;
const TAKER = resolve(import.meta.dir, "kill-taker.ts");

const scratch = scratchFolders();

/** What takers of one folder have said. */
class Said {
  readonly took = new Set<number>();
  readonly receipts = new Set<number>();
  readonly read = new Map<number, number>();
  twice: number[] = [];
  lastOrder = 0;

  hear(line: string): void {
    const [what, first = "", second = ""] = line.split(" ");
    const number = Number(first);
    if (what === "took") this.took.add(number);
    if (what === "receipt") this.receipts.add(number);
    if (what !== "read") return;
    if (this.read.has(number)) this.twice.push(number);
    this.read.set(number, Number(second));
    this.lastOrder = Number(second);
  }

  get highest(): number {
    return Math.max(0, ...this.took, ...this.read.keys());
  }
}

/** Opens what the killed taker left: what was acknowledged is there, or its reader has it. */
function findEverything(folder: string, said: Said): void {
  const { store, found } = openStand({ folder });
  expect(found).toEqual({ setAside: undefined, volatile: undefined });
  const inbox = new Set<string>();
  for (let after = 0; ; ) {
    const some = store.queries.inbox(READER.publicKey, after, 200);
    for (const { id, order } of some) {
      inbox.add(id);
      after = order;
    }
    if (some.length < 200) break;
  }
  const lost = [...said.took].filter((number) => {
    const { id } = message(number);
    // A receipt on the medium that was not said any more has taken it away too: then its reader had it.
    return said.read.has(number) ? !store.knows(id) : !inbox.has(id);
  });
  expect(lost).toEqual([]);
  const cameBack = [...said.receipts].filter((number) => inbox.has(message(number).id));
  expect(cameBack).toEqual([]);
  expect(said.twice).toEqual([]);
  store.close();
}

describe("a store that is killed with SIGKILL at a random moment", () => {
  test(
    `loses nothing that it acknowledged and delivers nothing twice, in ${ROUNDS} rounds`,
    async () => {
      // The moments come from a seed, so that a failing run has the same ones again.
      const random = seededRandom(20_261_128);
      let round = 0;
      let acknowledged = 0;
      let delivered = 0;
      const lane = async () => {
        let folder = scratch();
        let said = new Said();
        for (let own = 1; round < ROUNDS; own += 1) {
          round += 1;
          const isEarly = round % 5 === 0;
          const lines = isEarly ? undefined : Math.ceil(random() * MOST_LINES);
          const command = [process.execPath, TAKER, folder, String(said.highest), String(said.lastOrder)];
          const ms = random() * (isEarly ? START_MS : LONGEST_AFTER_MS);
          for (const line of await saidUntilKilled(command, { lines, ms })) said.hear(line);
          findEverything(folder, said);
          if (own % ROUNDS_PER_FOLDER !== 0 && round < ROUNDS) continue;
          acknowledged += said.took.size;
          delivered += said.read.size;
          folder = scratch();
          said = new Said();
        }
        acknowledged += said.took.size;
        delivered += said.read.size;
      };
      await Promise.all(Array.from({ length: LANES }, lane));
      // The rounds are of worth only where the takers came to take.
      expect(acknowledged).toBeGreaterThan(ROUNDS);
      expect(delivered).toBeGreaterThan(ROUNDS / 2);
    },
    ROUNDS * 2_000,
  );
});
