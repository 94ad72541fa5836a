import { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import { mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { seededRandom } from "../../../../src/bench/seeded-random.ts";
import { scratchFolders } from "../../scratch.ts";
import { openStand } from "../custody/store-stand.ts";
import { KilledProgram, killedProgram } from "../kill-process.ts";
import { FasterTime } from "./faster-time.ts";
import { killAir } from "./kill-air.ts";
import type { KillBoxArguments } from "./kill-roles.ts";

/** More rounds for a long run: `OMERTA_LORA_KILLS=1000 bun test …`. */
const ROUNDS = Number(process.env.OMERTA_LORA_KILLS ?? 5);
/** Then the boxes begin in empty folders again, so that the making of the files is met as well. */
const ROUNDS_PER_FOLDER = 40;
const LONGEST_LIFE_MS = 900;
/** In one of so many rounds the next kill comes while a box is still starting. */
const EARLY_EVERY = 5;
const START_MS = 150;
const SETTLED_WITHIN_MS = 300_000;
/** In a row: each hears the next. The two at the ends write to each other. */
const NAMES = ["a", "b", "c"] as const;
const WRITES_TO: readonly (number | undefined)[] = [3, undefined, 1];

const scratch = scratchFolders();
const program = killedProgram(resolve(import.meta.dir, "kill-box.ts"), scratch);
const random = seededRandom(20_261_128);
let lives = 0;

/** One of the boxes, over all of its lives. */
class KilledBox {
  readonly folder: string;
  /** What it has told its guests that it keeps, for everyone, and for the reader at the other end. */
  readonly kept = new Set<string>();
  readonly wrote = new Set<string>();
  /** What it says others have, by their addresses. */
  readonly handed = new Map<number, Set<string>>();
  /** What came from the air, each time that it was told of. */
  readonly came: string[] = [];
  /** What its reader got, each time, and the receipts. */
  readonly read: string[] = [];
  readonly receipts = new Set<string>();
  private lastOrder = 0;
  private readonly program = new KilledProgram(program, (what, id = "", number = "") =>
    this.hear(what, id, Number(number)),
  );

  constructor(
    folder: string,
    private readonly setting: Pick<KillBoxArguments, "address" | "to" | "port" | "sinceMs">,
  ) {
    this.folder = join(folder, `box-${setting.address}`);
    mkdirSync(this.folder);
  }

  get address(): number {
    return this.setting.address;
  }

  /** @returns when it is up */
  start(isWriting = true): Promise<void> {
    lives += 1;
    const box: KillBoxArguments = {
      ...this.setting,
      folder: this.folder,
      seed: lives * 1_000,
      after: this.lastOrder,
      isWriting,
    };
    return this.program.start(box);
  }

  kill(): Promise<void> {
    return this.program.kill();
  }

  /** The ids on its medium, with those that are settled: whose receipt is there. */
  onMedium(): Set<string> {
    const db = new Database(join(this.folder, "messages.sqlite"), { create: true });
    try {
      const ids = () =>
        db
          .query<{ id: string }, []>(
            "SELECT id FROM bundle UNION SELECT id FROM gone WHERE why = 'delivered'",
          )
          .all();
      // Killed at its very first moment it has no table yet.
      const isMade = db.query("SELECT 1 FROM sqlite_master WHERE name = 'gone'").get() !== null;
      return new Set(isMade ? ids().map(({ id }) => id) : []);
    } finally {
      db.close();
    }
  }

  handedTo(address: number): Set<string> {
    const known = this.handed.get(address) ?? new Set();
    this.handed.set(address, known);
    return known;
  }

  private hear(what: string, id: string, number: number): void {
    if (what === "kept") this.kept.add(id);
    else if (what === "wrote") this.wrote.add(id);
    else if (what === "came") this.came.push(id);
    else if (what === "receipt") this.receipts.add(id);
    else if (what === "handed") this.handedTo(number).add(id);
    else if (what === "read") {
      this.read.push(id);
      // The order in which things came, whatever lives lie between.
      expect(number).toBeGreaterThan(this.lastOrder);
      this.lastOrder = number;
    }
  }
}

const missing = (said: Iterable<string>, kept: ReadonlySet<string>) =>
  [...said].filter((id) => !kept.has(id));

/** What was acknowledged to a box's guests and readers, and what others were told that it has, is on its medium. */
function findAcknowledged(box: KilledBox, all: readonly KilledBox[]): void {
  const medium = box.onMedium();
  expect(missing([...box.kept, ...box.wrote, ...box.receipts], medium)).toEqual([]);
  for (const other of all) expect(missing(other.handedTo(box.address), medium)).toEqual([]);
}

/** Boxes in empty folders, over so many rounds. @returns how much was acknowledged */
async function stretch(rounds: number) {
  const folder = scratch();
  const sinceMs = FasterTime.beginning();
  const time = new FasterTime(sinceMs);
  const air = killAir(folder, NAMES, time, Math.floor(random() * 2 ** 31));
  const all = air.ports.map((port, index) => {
    const to = WRITES_TO[index];
    return new KilledBox(folder, { address: index + 1, port, sinceMs, ...(to === undefined ? {} : { to }) });
  });
  const [a, b, c] = all;
  if (!a || !b || !c) throw new Error("not three boxes");
  await Promise.all(all.map((one) => one.start()));
  for (let round = 1; round <= rounds; round += 1) {
    await Bun.sleep(random() * (round % EARLY_EVERY === 0 ? START_MS : LONGEST_LIFE_MS));
    const which = random();
    const killed = which < 0.85 ? [all[Math.floor((which / 0.85) * all.length)] ?? a] : all;
    await Promise.all(killed.map((one) => one.kill()));
    for (const one of killed) findAcknowledged(one, all);
    const started = killed.map((one) => one.start());
    if ((round + 1) % EARLY_EVERY !== 0) await Promise.all(started);
  }
  await Promise.all(all.map((one) => one.kill()));

  // Left alone, they bring each other all.
  await Promise.all(all.map((one) => one.start(false)));
  const endsMs = performance.now() + SETTLED_WITHIN_MS;
  const left = () => {
    const toAll = all.flatMap(({ kept }) => [...kept]);
    const [onA, onB, onC] = [a.onMedium(), b.onMedium(), c.onMedium()];
    return {
      toAll: [onA, onB, onC].map((medium) => missing(toAll, medium).length),
      unread: [missing(a.wrote, new Set(c.read)).length, missing(c.wrote, new Set(a.read)).length],
      receipts: [missing(c.receipts, onA).length, missing(a.receipts, onC).length],
    };
  };
  while (Object.values(left()).some((counts) => counts.some((count) => count > 0))) {
    if (performance.now() > endsMs) throw new Error(`not all has arrived: ${JSON.stringify(left())}`);
    await Bun.sleep(250);
  }
  await Promise.all(all.map((one) => one.kill()));
  for (const one of all) {
    findAcknowledged(one, all);
    expect(new Set(one.came).size).toBe(one.came.length);
    expect(new Set(one.read).size).toBe(one.read.length);
  }
  for (const [writer, reader] of [
    [a, c],
    [c, a],
  ] as const) {
    expect(missing(writer.wrote, new Set(reader.read))).toEqual([]);
    const { store } = openStand({ folder: writer.folder, timers: time, bootClock: time.bootClock });
    const unread = [...writer.wrote].filter(
      (id) => !store.queries.receipts(id).some(({ state }) => state === "delivered") || store.get(id),
    );
    expect(unread).toEqual([]);
    store.close();
  }
  for (const port of air.ports) expect(air.overTheLawMs(port)).toBe(0);
  air.close();
  return {
    kept: all.reduce((sum, { kept, wrote }) => sum + kept.size + wrote.size, 0),
    handed: all.reduce(
      (sum, { handed }) => sum + [...handed.values()].reduce((n, { size }) => n + size, 0),
      0,
    ),
    read: a.read.length + c.read.length,
    airtimeS: air.airtimeMs / 1_000,
  };
}

describe("three boxes in a row that LoRa connects, and that are killed with SIGKILL at random moments", () => {
  test(
    `lose nothing that was acknowledged, and give no reader anything twice, in ${ROUNDS} rounds`,
    async () => {
      const sum = { kept: 0, handed: 0, read: 0, airtimeS: 0 };
      for (let left = ROUNDS; left > 0; left -= ROUNDS_PER_FOLDER) {
        const startedMs = performance.now();
        const one = await stretch(Math.min(left, ROUNDS_PER_FOLDER));
        sum.kept += one.kept;
        sum.handed += one.handed;
        sum.read += one.read;
        sum.airtimeS += one.airtimeS;
        if (process.env.OMERTA_LORA_KILLS !== undefined)
          console.log(left, one, Math.round((performance.now() - startedMs) / 1_000));
      }
      // The rounds are of worth only where something was written, and handed over, in them.
      expect(sum.kept).toBeGreaterThan(ROUNDS / 2);
      expect(sum.handed).toBeGreaterThan(ROUNDS / 2);
      expect(sum.read).toBeGreaterThan(ROUNDS / 10);
    },
    ROUNDS * 5_000 + SETTLED_WITHIN_MS,
  );
});
