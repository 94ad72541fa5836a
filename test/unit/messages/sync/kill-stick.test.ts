import { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import { mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { seededRandom } from "../../../../src/bench/seeded-random.ts";
import { importFolder } from "../../../../src/messages/sync/folder-import.ts";
import { scratchFolders } from "../../scratch.ts";
import { openStand } from "../custody/store-stand.ts";
import { KilledProgram, killedProgram } from "../kill-process.ts";
import type { KillStickBoxArguments } from "./kill-stick-box.ts";

/** More rounds for a long run: `OMERTA_STICK_KILLS=1000 bun test …`. */
const ROUNDS = Number(process.env.OMERTA_STICK_KILLS ?? 10);
/** Then there are empty boxes and an empty stick again, so that the making of the files is met as well. */
const ROUNDS_PER_FOLDER = 50;
const LONGEST_LIFE_MS = 250;
/** In one of so many rounds a box is killed while it is still starting. */
const EARLY_EVERY = 5;
const START_MS = 150;

const scratch = scratchFolders();
const program = killedProgram(resolve(import.meta.dir, "kill-stick-box.ts"), scratch);
const random = seededRandom(20_261_128);
let lives = 0;

/** One of the boxes, over all of its lives. */
class KilledBox {
  readonly kept = new Set<string>();
  readonly came: string[] = [];
  /** What had come by this order was said to be on the stick. */
  exchanged = 0;
  private exchanges = 0;
  private readonly program = new KilledProgram(program, (what, word = "") => {
    if (what === "kept") this.kept.add(word);
    else if (what === "came") this.came.push(word);
    else if (what === "exchanged") {
      this.exchanged = Number(word);
      this.exchanges += 1;
    }
  });

  constructor(readonly folder: string) {
    mkdirSync(folder);
  }

  /** @param stick the stick that is plugged in */
  start(stick: string | undefined, isWriting = true): Promise<void> {
    lives += 1;
    const config: KillStickBoxArguments = {
      ...{ folder: this.folder, seed: lives * 1_000, isWriting },
      ...(stick === undefined ? {} : { stick }),
    };
    return this.program.start(config);
  }

  kill(): Promise<void> {
    return this.program.kill();
  }

  /** Until it has told of so many more exchanges. */
  async untilExchanged(times: number): Promise<void> {
    for (const enough = this.exchanges + times; this.exchanges < enough; ) await Bun.sleep(5);
  }

  /** The ids on its medium that came by this order. */
  onMedium(order = Number.MAX_SAFE_INTEGER): string[] {
    const db = new Database(join(this.folder, "messages.sqlite"), { create: true });
    try {
      // Killed at its very first moment it has no table yet.
      const isMade = db.query("SELECT 1 FROM sqlite_master WHERE name = 'bundle'").get() !== null;
      if (!isMade) return [];
      const rows = db.query<{ id: string }, [number]>("SELECT id FROM bundle WHERE seq <= ?").all(order);
      return rows.map(({ id }) => id);
    } finally {
      db.close();
    }
  }
}

const missing = (said: Iterable<string>, there: Iterable<string>) => {
  const all = new Set(there);
  return [...said].filter((id) => !all.has(id));
};

/** Two empty boxes and an empty stick, over so many rounds. @returns how much was acknowledged */
async function stretch(rounds: number) {
  const folder = scratch();
  const stick = join(folder, "stick");
  mkdirSync(stick);
  const boxes = [new KilledBox(join(folder, "a")), new KilledBox(join(folder, "b"))];
  for (let round = 1; round <= rounds; round += 1) {
    // The stick is pulled out of the one in the middle of it, and carried to the other.
    const box = boxes[Math.floor(random() * 2)] ?? boxes[round % 2];
    if (!box) throw new Error("no box");
    const up = box.start(random() < 0.9 ? stick : undefined);
    const isEarly = round % EARLY_EVERY === 0;
    if (!isEarly) await up;
    await Bun.sleep(random() * (isEarly ? START_MS : LONGEST_LIFE_MS));
    await box.kill();
    expect(missing(box.kept, box.onMedium())).toEqual([]);
    const { store } = openStand();
    const report = await importFolder({ custody: store, folder: stick, label: "stick", nowS: () => 0 }).catch(
      (error: unknown) => {
        // The first kill may come before the folder is made.
        if (box.exchanged > 0) throw error;
        return { refused: 0 };
      },
    );
    expect(report.refused).toBe(0);
    const onStick = store.ids();
    store.close();
    for (const one of boxes) expect(missing(one.onMedium(one.exchanged), onStick)).toEqual([]);
  }
  // Left alone, the stick brings each the other's.
  for (const box of [...boxes, ...boxes]) {
    await box.start(stick, false);
    await box.untilExchanged(1);
    await box.kill();
  }
  const all = new Set(boxes.flatMap((box) => box.onMedium()));
  for (const box of boxes) {
    expect(missing(box.kept, box.onMedium())).toEqual([]);
    expect(missing(all, box.onMedium())).toEqual([]);
    expect(new Set(box.came).size).toBe(box.came.length);
  }
  return {
    kept: boxes.reduce((sum, { kept }) => sum + kept.size, 0),
    came: boxes.reduce((sum, { came }) => sum + came.length, 0),
  };
}

describe("two boxes that exchange by a stick and are killed with SIGKILL at random moments", () => {
  test(
    `lose nothing that was acknowledged, and give no reader anything twice, in ${ROUNDS} rounds`,
    async () => {
      const sum = { kept: 0, came: 0 };
      for (let left = ROUNDS; left > 0; left -= ROUNDS_PER_FOLDER) {
        const { kept, came } = await stretch(Math.min(left, ROUNDS_PER_FOLDER));
        sum.kept += kept;
        sum.came += came;
        if (process.env.OMERTA_STICK_KILLS !== undefined) console.log(left, sum);
      }
      // The rounds are of worth only where something was written, and exchanged, in them.
      expect(sum.kept).toBeGreaterThan(ROUNDS);
      expect(sum.came).toBeGreaterThan(ROUNDS / 2);
    },
    ROUNDS * 5_000 + 30_000,
  );
});
