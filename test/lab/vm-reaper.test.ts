import { expect, test } from "bun:test";
import { mkdirSync, readdirSync, rmdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { killProcess, type ProcessEntry, processTable } from "../../src/host/process-table.ts";
import { describeNeeding } from "../needs.ts";
import { LAB_PREFIX, until } from "./lab.ts";
import { KILLS, type Round, type RoundsReport } from "./vm-reaper-rounds.ts";
import { cgroupFolder } from "./vm-reaper-world.ts";

/** More rounds for a long run: `OMERTA_VM_KILLS=200 bun test …`. */
const ROUNDS = Number(process.env.OMERTA_VM_KILLS ?? 20);
const GONE_WITHIN_MS = 5_000;
const PREFIX = `${LAB_PREFIX}vm-reaper-`;
const ROUND_TIMEOUT_MS = 60_000;

const ROUNDS_PROGRAM = join(import.meta.dir, "vm-reaper-rounds.ts");

/** What earlier runs left: all of their processes end with the first of their namespace, and that with who made it. */
async function sweepLab(): Promise<void> {
  const isOurs = ({ argv }: ProcessEntry) => argv[0] === "unshare" && argv.includes(ROUNDS_PROGRAM);
  for (const one of processTable().filter(isOurs)) killProcess(one);
  const groups = cgroupFolder();
  await until("the lab's cgroups to be empty", () => groups === undefined || removeGroup(groups));
  for (const entry of readdirSync("/tmp"))
    if (entry.startsWith(PREFIX)) rmSync(join("/tmp", entry), { recursive: true, force: true });
}

/** @returns whether it could: not as long as somebody in it is on the way out */
function removeGroup(path: string): boolean {
  try {
    for (const entry of readdirSync(path, { withFileTypes: true }))
      if (entry.isDirectory() && !removeGroup(join(path, entry.name))) return false;
    rmdirSync(path);
    return true;
  } catch {
    return false;
  }
}

/** In namespaces of its own, so that nothing on this machine that is named as a lease's can be met, and all ends with it. */
async function playApart(rounds: number): Promise<RoundsReport> {
  const folder = `/tmp/${PREFIX}${process.pid}`;
  mkdirSync(folder, { recursive: true });
  for (const path of ["/run/netns", "/run/wireguard", "/etc/netns"]) mkdirSync(path, { recursive: true });
  const script = [
    "set -e",
    "for path in /run/netns /run/wireguard /etc/netns; do mount -t tmpfs tmpfs $path; done",
    // Not the last command: the shell is to stay the first process, and to collect those that have ended.
    '"$0" "$1" "$2"; exit $?',
  ].join("\n");
  const child = Bun.spawn(
    [
      ...["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"],
      ...["sh", "-c", script, process.execPath, ROUNDS_PROGRAM, String(rounds)],
    ],
    { stdin: "ignore", stdout: "pipe", stderr: "pipe", env: { ...process.env, OMERTA_REAPER_LAB: folder } },
  );
  const [text, errors] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  if ((await child.exited) !== 0) throw new Error(errors.slice(-4_000));
  const report: RoundsReport = JSON.parse(text);
  return report;
}

function printTable(rounds: readonly Round[]): void {
  const line = (what: string, values: readonly number[]) => {
    const sorted = [...values].sort((a, b) => a - b);
    const at = (part: number) => (sorted[Math.floor((sorted.length - 1) * part)] ?? 0).toFixed(0).padStart(8);
    console.log(`${what.padEnd(34)}${String(values.length).padStart(7)}${at(0)}${at(0.5)}${at(1)}`);
  };
  console.log(`${"killed, ms until all was gone".padEnd(34)} rounds     min  median     max`);
  for (const kill of KILLS)
    line(
      kill,
      rounds.filter((round) => round.kill === kill).map(({ goneMs }) => goneMs),
    );
  line(
    "reaper, until another one watched",
    rounds.flatMap(({ againMs }) => againMs ?? []),
  );
}

describeNeeding(
  ["root", "program:unshare", "program:ip", "program:perl", "program:ps"],
  "The reaper of leases",
  () => {
    test(
      `leaves nothing of them and touches nothing else, whoever is killed, in ${ROUNDS} rounds`,
      async () => {
        await sweepLab();
        const { rounds, unjournalled } = await playApart(ROUNDS).finally(sweepLab);
        printTable(rounds);
        expect(rounds).toHaveLength(ROUNDS);
        expect(rounds.flatMap(({ missing }) => missing)).toEqual([]);
        // A sweep comes when a daemon comes, and its programs have been loaded.
        const isReaped = ({ kill }: Round) => kill !== "both" && kill !== "reaper-at-work";
        expect(rounds.filter((round) => isReaped(round) && round.goneMs > GONE_WITHIN_MS)).toEqual([]);
        // Where both were killed there was something for the sweep to do.
        for (const { found } of rounds.filter(({ kill }) => kill === "both"))
          expect(found).toBeGreaterThan(10);
        expect(unjournalled).toEqual([]);
      },
      ROUNDS * ROUND_TIMEOUT_MS,
    );
  },
);
