import { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import { mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { seededRandom } from "../../../../src/bench/seeded-random.ts";
import { scratchFolders } from "../../scratch.ts";
import { KilledProgram, killedProgram } from "../kill-process.ts";
import type { KilledBoxArguments } from "./kill-box.ts";

const ROUNDS = Number(process.env.OMERTA_SYNC_KILLS ?? 50);
/** Then the boxes begin in empty folders again, so that the making of the files is met as well. */
const ROUNDS_PER_FOLDER = 25;
const LONGEST_LIFE_MS = 60;
const SETTLED_WITHIN_MS = 300_000;

const scratch = scratchFolders();
const program = killedProgram(resolve(import.meta.dir, "kill-box.ts"), scratch);

/** One of the two boxes, over all of its lives. */
class KilledBox {
  readonly folder: string;
  /** What it has told its guests that it keeps, and what it says the other has. */
  readonly kept = new Set<string>();
  readonly handed = new Set<string>();
  /** What it gave its readers as new, each time that it did. */
  readonly came: string[] = [];
  lives = 0;
  private readonly program = new KilledProgram(program, (what, id = "") => {
    if (what === "kept") this.kept.add(id);
    else if (what === "handed") this.handed.add(id);
    else if (what === "came") this.came.push(id);
  });

  constructor(
    readonly name: "a" | "b",
    private readonly socket: string,
    folder: string,
  ) {
    this.folder = join(folder, name);
    mkdirSync(this.folder);
  }

  /** @returns when it is up */
  start(listens = false): Promise<void> {
    this.lives += 1;
    // Another seed in each life: other people write.
    const seed = listens ? "listen" : String((this.name === "a" ? 1_000_000 : 2_000_000) + this.lives);
    const box: KilledBoxArguments = { name: this.name, folder: this.folder, socket: this.socket, seed };
    return this.program.start(box);
  }

  kill(): Promise<void> {
    return this.program.kill();
  }

  /** The ids on its medium. To be asked while it is dead. */
  onMedium(): Set<string> {
    const db = new Database(join(this.folder, "messages.sqlite"));
    try {
      return new Set(
        db
          .query<{ id: string }, []>("SELECT id FROM bundle")
          .all()
          .map(({ id }) => id),
      );
    } finally {
      db.close();
    }
  }
}

const missing = (said: ReadonlySet<string>, kept: ReadonlySet<string>) =>
  [...said].filter((id) => !kept.has(id));

const random = seededRandom(20_261_128);

/** Two boxes in empty folders, over so many rounds. @returns how much was acknowledged */
async function stretch(rounds: number): Promise<{ kept: number; handed: number; lives: number }> {
  const folder = scratch();
  const socket = join(folder, "link");
  const [a, b] = [new KilledBox("a", socket, folder), new KilledBox("b", socket, folder)];
  const both = [a, b];
  await Promise.all(both.map((one) => one.start()));
  for (let round = 0; round < rounds; round += 1) {
    await Bun.sleep(random() * LONGEST_LIFE_MS);
    const which = random();
    const killed = which < 0.4 ? [a] : which < 0.8 ? [b] : both;
    await Promise.all(killed.map((one) => one.kill()));
    for (const one of killed) {
      const medium = one.onMedium();
      expect(missing(one.kept, medium)).toEqual([]);
      // What the other was told that this one has, it was told before this one died.
      expect(missing((one === a ? b : a).handed, medium)).toEqual([]);
    }
    await Promise.all(killed.map((one) => one.start()));
  }
  await Promise.all(both.map((one) => one.kill()));

  // Left alone, they bring each other to the same.
  const all = new Set([...a.onMedium(), ...b.onMedium()]);
  await Promise.all(both.map((one) => one.start(true)));
  const endsMs = performance.now() + SETTLED_WITHIN_MS;
  while (both.some((one) => missing(all, one.onMedium()).length > 0)) {
    if (performance.now() > endsMs) throw new Error("they do not come to the same");
    await Bun.sleep(250);
  }
  await Promise.all(both.map((one) => one.kill()));
  for (const one of both) {
    expect(missing(one.kept, one.onMedium())).toEqual([]);
    expect(new Set(one.came).size).toBe(one.came.length);
  }
  return { kept: a.kept.size + b.kept.size, handed: a.handed.size + b.handed.size, lives: a.lives + b.lives };
}

describe("two boxes that exchange bundles and are killed with SIGKILL at random moments", () => {
  test(
    `lose nothing that was acknowledged, and give no reader anything twice, in ${ROUNDS} rounds`,
    async () => {
      const sum = { kept: 0, handed: 0, lives: 0 };
      for (let left = ROUNDS; left > 0; left -= ROUNDS_PER_FOLDER) {
        const { kept, handed, lives } = await stretch(Math.min(left, ROUNDS_PER_FOLDER));
        sum.kept += kept;
        sum.handed += handed;
        sum.lives += lives;
      }
      // The rounds are of worth only where something was written, and handed over, in them.
      expect(sum.kept).toBeGreaterThan(5 * ROUNDS);
      expect(sum.handed).toBeGreaterThan(5 * ROUNDS);
      if (process.env.OMERTA_SYNC_KILLS !== undefined) console.log(sum);
    },
    ROUNDS * 5_000 + SETTLED_WITHIN_MS,
  );
});
