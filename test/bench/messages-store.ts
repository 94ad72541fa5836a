import { Database } from "bun:sqlite";
import { hash } from "node:crypto";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { systemTimers } from "../../src/host/timers.ts";
import type { BundleStore } from "../../src/messages/custody/bundle-store.ts";
import { RankedIndex } from "../../src/messages/sync/ranked-index.ts";
import { fill, openStore, RARE_NAME, type Sample, Town, takeAll } from "./messages-store-fill.ts";
import { type BenchRow, benchRow } from "./report.ts";
import { median } from "./samples.ts";

const BUNDLES = 100_000;
const NEW = 100;
const ROUNDS = 50;
const PROCESS = resolve(import.meta.dir, "messages-store-process.ts");

/** What a store of 100,000 bundles takes for what people and neighbours ask most. */
export async function storeRows(quick: boolean): Promise<BenchRow[]> {
  const count = BUNDLES / (quick ? 10 : 1);
  const folder = mkdtempSync(join(tmpdir(), "omb-bench-"));
  try {
    const path = join(folder, "messages.sqlite");
    const store = openStore(path);
    const town = new Town(1);
    const samples = await fill(store, town, count - 1);
    const rare = town.checkIn(RARE_NAME);
    await takeAll(store, [rare], "peer 0");
    samples.push(rare);
    const plain = plainTable(join(folder, "plain.sqlite"), samples);
    const rows = [
      ...readingRows(store, plain, count),
      ...(await comparingRows(store, plain, count)),
      await takingRow(store, plain, town, count),
    ];
    const { bytes } = store.usage();
    store.close();
    plain.close();
    rows.push(mediumRow(path, bytes, count), ...(await processRows(path, count)));
    return rows;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The reference: the same bundles in one table, as one would begin. */
function plainTable(path: string, samples: readonly Sample[]): Database {
  const db = new Database(path, { create: true, strict: true });
  db.run("PRAGMA journal_mode = WAL");
  db.run("PRAGMA synchronous = FULL");
  db.run(
    "CREATE TABLE bundle (id TEXT PRIMARY KEY, kind TEXT, room TEXT, name TEXT, born_ms INTEGER, encoded BLOB)",
  );
  db.transaction(() => {
    for (const sample of samples) insertPlain(db, sample);
  })();
  return db;
}

function insertPlain(db: Database, { id, kind, room, name, ageMs, encoded }: Sample): void {
  db.query("INSERT INTO bundle VALUES (?, ?, ?, ?, ?, ?)").run(id, kind, room, name, -ageMs, encoded);
}

function readingRows(store: BundleStore, plain: Database, count: number): BenchRow[] {
  const like = plain.query(
    "SELECT * FROM bundle WHERE kind = 'check-in' AND name LIKE ? ORDER BY born_ms DESC LIMIT 20",
  );
  const square = plain.query(
    "SELECT * FROM bundle WHERE kind = 'post' AND room = 'square' ORDER BY born_ms DESC LIMIT 20",
  );
  const compared = (name: string, ours: () => unknown, reference: () => unknown, referenceName: string) =>
    benchRow({
      name: `${thousands(count)} bundles: ${name}`,
      unit: "ms",
      ours: medianMs(ours),
      reference: medianMs(reference),
      referenceName,
      goal: { of: "ours", below: 50 },
    });
  const search = (name: string, query: string) =>
    compared(
      name,
      () => store.queries.checkIns(query),
      () => like.all(`%${query}%`),
      "SQLite LIKE",
    );
  let cursor: string | undefined;
  const nextPage = () => {
    cursor = store.queries.posts("square", cursor).next;
  };
  return [
    compared(
      "first page of the square",
      () => store.queries.posts("square"),
      () => square.all(),
      "one plain table",
    ),
    compared("a later page of the square", nextPage, () => square.all(), "one plain table"),
    search("search for a name that is there once", RARE_NAME.slice(1, 6)),
    search("search for one that is nowhere", "zzyzx"),
    search("search for a part of many names", "lope"),
    search("search for one letter", "a"),
  ];
}

async function comparingRows(store: BundleStore, plain: Database, count: number): Promise<BenchRow[]> {
  const index = new RankedIndex(store, systemTimers);
  await new Promise<void>((ready) => index.start(ready));
  const list = plain.query<{ id: string }, []>("SELECT id FROM bundle ORDER BY id");
  const row = (name: string, ours: () => unknown) =>
    benchRow({
      name: `${thousands(count)} bundles: ${name}`,
      unit: "ms",
      ours: medianMs(ours),
      reference: medianMs(() =>
        hash(
          "sha256",
          list
            .all()
            .map(({ id }) => id)
            .join(""),
        ),
      ),
      referenceName: "hash of all ids listed",
      goal: { of: "ratio", below: 0.1 },
    });
  const room = index.of("room");
  const rows = [
    row("fingerprint of a range of ids", () => room.fingerprint("3", "b")),
    row("sixteen parts of a range, a fingerprint each", () => {
      const cuts = ["", ...room.splitAt(16)];
      for (const [at, cut] of cuts.entries()) room.fingerprint(cut, cuts[at + 1]);
    }),
  ];
  index.stop();
  return rows;
}

async function takingRow(store: BundleStore, plain: Database, town: Town, count: number): Promise<BenchRow> {
  const ours: number[] = [];
  const reference: number[] = [];
  for (let round = 0; round < 5; round += 1) {
    const samples = Array.from({ length: NEW }, () => town.next());
    ours.push(await elapsedMs(() => takeAll(store, samples, "peer new")));
    reference.push(
      await elapsedMs(async () => {
        plain.transaction(() => {
          for (const sample of samples) insertPlain(plain, sample);
        })();
      }),
    );
  }
  return benchRow({
    name: `${thousands(count)} bundles: ${NEW} new ones, verified and on the medium`,
    unit: "ms",
    ours: median(ours),
    reference: median(reference),
    referenceName: "one plain table, unverified",
    goal: { of: "ours", below: 1_000 },
  });
}

function mediumRow(path: string, accounted: number, count: number): BenchRow {
  return benchRow({
    name: `${thousands(count)} bundles: the file`,
    unit: "MiB",
    ours: statSync(path).size / 2 ** 20,
    reference: accounted / 2 ** 20,
    referenceName: "what they count for",
    goal: { of: "ratio", below: 1.2 },
  });
}

async function processRows(path: string, count: number): Promise<BenchRow[]> {
  const [ours, reference] = [await inProcess(path, "store"), await inProcess(path, "memory")];
  return [
    benchRow({
      name: `${thousands(count)} bundles: from start to ready`,
      unit: "ms",
      ours: ours.startMs,
      reference: reference.startMs,
      referenceName: "all read into memory",
      goal: { of: "ours", below: 2_000 },
    }),
    benchRow({
      name: `${thousands(count)} bundles: memory of the store and of what is compared`,
      unit: "MiB",
      ours: ours.grownKiB / 1_024,
      reference: reference.grownKiB / 1_024,
      referenceName: "all in memory",
      goal: { of: "ours", below: 64 },
    }),
  ];
}

async function inProcess(path: string, how: string): Promise<{ startMs: number; grownKiB: number }> {
  const child = Bun.spawn([process.execPath, PROCESS, path, how], { stdout: "pipe", stderr: "inherit" });
  const text = await new Response(child.stdout).text();
  if ((await child.exited) !== 0) throw new Error(`${PROCESS} ended with ${child.exitCode}`);
  return JSON.parse(text);
}

function medianMs(action: () => unknown): number {
  const samples: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const started = performance.now();
    action();
    samples.push(performance.now() - started);
  }
  return median(samples);
}

async function elapsedMs(action: () => Promise<void>): Promise<number> {
  const started = performance.now();
  await action();
  return performance.now() - started;
}

const thousands = (count: number): string => count.toLocaleString("en");
