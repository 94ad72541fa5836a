import { expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import fc from "fast-check";
import { openDatabase } from "../../../src/store/index.ts";
import { scratchFolders } from "../scratch.ts";
import { rowsOf, stepsTaken, tableOf, versions } from "./versions.ts";

const ROUNDS = 30;
const WRITER = resolve(import.meta.dir, "version-writer.ts");
const FLAGS = [true, true, false];

const scratch = scratchFolders();

async function writeAndKill(path: string, version: number, from: number, lifeMs: number): Promise<string[]> {
  const child = Bun.spawn([process.execPath, WRITER, path, String(version), String(from)], {
    stdout: "pipe",
    stderr: "pipe",
  });
  const errors = new Response(child.stderr).text();
  setTimeout(() => child.kill("SIGKILL"), lifeMs);
  const lines = (await new Response(child.stdout).text()).split("\n").slice(0, -1);
  await child.exited;
  expect([child.signalCode, await errors]).toEqual(["SIGKILL", ""]);
  return lines;
}

/** How long a writer takes until it has opened its database: a busy machine's moments are later ones. */
async function startMs(): Promise<number> {
  const began = performance.now();
  const child = Bun.spawn([process.execPath, WRITER, join(scratch(), "state.sqlite")], { stdout: "pipe" });
  for await (const _ of child.stdout) break;
  child.kill("SIGKILL");
  await child.exited;
  return performance.now() - began;
}

/** All rows in the databases of a folder, those set aside included, each opened by who knows all. */
function everyRow(folder: string): Set<string> {
  const found = new Set<string>();
  // A copy may have been on its way back.
  const aside = readdirSync(folder).filter((one) => /^state\.sqlite\.newer\.\d$/.test(one));
  for (const name of ["state.sqlite", ...aside]) {
    const { db, volatile, setAside } = openDatabase(join(folder, name), versions(FLAGS));
    expect([volatile, setAside]).toEqual([undefined, undefined]);
    expect(stepsTaken(db)).toEqual([1, 2, 3]);
    for (const row of rowsOf(db, tableOf(FLAGS, 3))) found.add(row);
    db.close();
  }
  return found;
}

test(`versions that come and go and are killed at random moments lose nothing of what they said was kept, in ${ROUNDS} rounds`, async () => {
  const [moments = []] = fc.sample(
    fc.noBias(fc.array(fc.tuple(fc.nat(2), fc.nat(1_000)), { minLength: ROUNDS, maxLength: ROUNDS })),
    { seed: 20_261_129, numRuns: 1 },
  );
  const opened = new Map<string, number>();
  let folder = "";
  let path = "";
  let kept: string[] = [];
  const longestMs = 2 * (await startMs());
  const findEverything = () => {
    const found = everyRow(folder);
    expect(kept.filter((row) => !found.has(row))).toEqual([]);
  };
  for (const [round, [which, moment]] of moments.entries()) {
    // No more roll-backs than databases are set aside.
    if (round % 3 === 0) {
      if (folder !== "") findEverything();
      folder = scratch();
      path = join(folder, "state.sqlite");
      kept = [];
    }
    const lines = await writeAndKill(path, which + 1, round * 100_000, (moment * longestMs) / 1_000);
    for (const line of lines) {
      if (line.startsWith("row ")) kept.push(line);
      else opened.set(line, (opened.get(line) ?? 0) + 1);
    }
  }
  expect(
    [...opened.keys()].filter((line) => !/^opened (own|goes-on|copy-taken-back|begun-anew)$/.test(line)),
  ).toEqual([]);
  // The rounds are of worth only where the writers came to write, and met each other's databases.
  expect(opened.get("opened own") ?? 0).toBeGreaterThan(5);
}, 120_000);
