import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { join, relative } from "node:path";
import { makeRoomForNeighbours } from "./lab/neighbour-room.ts";
import {
  add,
  type Count,
  check,
  crashed,
  failureText,
  keepFirst,
  OUTPUT,
  ROOT,
  type Step,
  tests,
} from "./step.ts";

/** All of it is to be over within an hour. */
const NO_SECOND_AFTER_MS = 52 * 60_000;
const LONGEST_SECOND_MS = 5 * 60_000;

/** Steps that run side by side: each lane's own in turn, and then whatever is left of those that go beside any. */
interface Round {
  lanes: readonly (readonly Step[])[];
  anywhere?: readonly Step[];
}

function testFiles(folder: string): string[] {
  return readdirSync(join(ROOT, folder))
    .filter((name) => name.endsWith(".test.ts"))
    .sort()
    .map((name) => join(folder, name));
}

/** Each file of a folder's tests by itself. */
function eachOf(folder: string, timeoutMs: number): Step[] {
  return testFiles(folder).map((file) =>
    tests(relative("test", file).replace(".test.ts", "").replace("/", " "), [file], timeoutMs, true),
  );
}

const checks = [
  check("format and lint", "biome", "ci", "--error-on-warnings", "."),
  check("types", "tsc", "-p", "."),
  // What a browser has, and Bun has not.
  check("types of the page", "tsc", "-p", "portal/app"),
];

const unitFiles = [...new Bun.Glob("test/unit/**/*.test.ts").scanSync(ROOT)].sort();
/** Programs that are killed at moments, with the clock: as with labs, a busy machine may let them come to too little. */
const isKilling = (file: string): boolean => /kill[^/]*$/.test(file);
const unit = {
  lora: tests("unit lora", ["test/unit/lora"], 120_000),
  mesh: tests("unit mesh", ["test/unit/identity", "test/unit/mesh"], 120_000),
  others: tests(
    "unit others",
    unitFiles.filter((file) => !isKilling(file) && !/^test\/unit\/(?:identity|lora|mesh)\//.test(file)),
    120_000,
  ),
  kills: tests("unit kills", unitFiles.filter(isKilling), 120_000, true),
};

/** Builds an image and starts it in an emulated machine, which keeps one processor busy for as long as the unit tests do. */
const BESIDE_UNIT = "image image-boot";
// An emulated machine does everything some ten times slower.
const imagesAndLabs = [...eachOf("test/image", 600_000), ...eachOf("test/lab", 60_000)];
const besideUnit = imagesAndLabs.filter(({ name }) => name === BESIDE_UNIT);
/** Twelve boxes that find each other keep both processors busy. */
const alone = imagesAndLabs.filter(({ name }) => name === "lab mesh-sites");
const afterUnit = [
  ...imagesAndLabs.filter((step) => !besideUnit.includes(step) && !alone.includes(step)),
  ...eachOf("test/e2e", 60_000),
  unit.kills,
];
/** A box that lends ends whatever it finds of machines that it does not know, on all of the computer. */
const lendsMachines = ({ name }: Step): boolean => name.startsWith("lab vm-") || name === "e2e demo";

/**
 * One round after the other. Labs and browsers keep the two processors about half busy, so that two fit, but never two boxes
 * that lend machines; what is killed again and again comes last of them, with least beside it. Machines with radios in them
 * are emulated with both processors, and have them for themselves.
 */
const rounds: readonly Round[] = [
  { lanes: [checks] },
  // Most of the LoRa tests wait for emulated radios in real time, and the others can use the machine meanwhile.
  { lanes: [[unit.lora, unit.mesh], [unit.others], besideUnit] },
  {
    lanes: [afterUnit.filter(lendsMachines), []],
    anywhere: afterUnit.filter((step) => !lendsMachines(step)),
  },
  { lanes: [[...alone, ...eachOf("test/guest", 180_000)]] },
];

rmSync(OUTPUT, { recursive: true, force: true });
mkdirSync(OUTPUT, { recursive: true });
const only = process.argv.slice(2);
const isWanted = ({ name }: Step): boolean => only.length === 0 || only.some((word) => name.includes(word));
const total: Count = { passed: 0, failed: 0, skipped: [] };
const startedMs = performance.now();
const failedOnce: { step: Step; count: Count }[] = [];
/** Steps that passed only when they were run again. */
const unsteady: string[] = [];

// Of the whole machine: who takes it within the run finds it taken, and does not give it back under another's feet.
const giveBackRoom = process.getuid?.() === 0 ? makeRoomForNeighbours() : () => undefined;
for (const { lanes, anywhere = [] } of rounds) {
  const shared = anywhere.filter(isWanted);
  await Promise.all(lanes.map((lane) => runLane(lane.filter(isWanted), shared)));
}
for (const { step, count } of failedOnce) await secondTry(step, count);
giveBackRoom();

if (total.skipped.length > 0) {
  process.stdout.write("\nSkipped:\n");
  for (const title of new Set(total.skipped)) process.stdout.write(`  ${title}\n`);
}
if (crashed.length > 0) process.stdout.write(`\nCrashed and run again: ${crashed.join(", ")}\n`);
if (unsteady.length > 0) process.stdout.write(`\nPassed at the second try: ${unsteady.join(", ")}\n`);
process.stdout.write(`\nTook ${seconds(startedMs)}; logs and screenshots are in test/output.\n`);
process.stdout.write(`${total.passed} passed, ${total.failed} failed, ${total.skipped.length} skipped\n`);
process.exitCode = total.failed > 0 || total.passed === 0 ? 1 : 0;

/** Runs a lane's own steps, and then of the shared ones as long as there are any. */
async function runLane(own: Step[], shared: Step[]): Promise<void> {
  for (;;) {
    const step = own.shift() ?? shared.shift();
    if (step === undefined) return;
    await firstTry(step);
  }
}

/** Runs a step, and puts it off to the end where it has failed and may be tried again. */
async function firstTry(step: Step): Promise<void> {
  const stepStartedMs = performance.now();
  const count = await shown(step);
  const isTooLong = performance.now() - stepStartedMs > LONGEST_SECOND_MS;
  if (count.failed > 0 && step.hasSecondTry === true && !isTooLong) failedOnce.push({ step, count });
  else add(total, count);
}

/** Runs a failed step again with nothing beside it, where there is time. */
async function secondTry(step: Step, first: Count): Promise<void> {
  if (performance.now() - startedMs > NO_SECOND_AFTER_MS) {
    process.stdout.write(`✗ ${step.name}: no time is left to try it again\n`);
    add(total, first);
    return;
  }
  keepFirst(step.name);
  const count = await shown(step);
  if (count.failed === 0) unsteady.push(step.name);
  add(total, count);
}

async function shown(step: Step): Promise<Count> {
  const stepStartedMs = performance.now();
  const progress = setInterval(
    () => process.stdout.write(`  ${step.name} … ${seconds(stepStartedMs)}\n`),
    20_000,
  );
  const count = await step.run();
  clearInterval(progress);
  const { passed, failed, skipped } = count;
  const mark = failed > 0 ? "✗" : skipped.length > 0 && passed === 0 ? "-" : "✓";
  const counts = [
    `${passed} passed`,
    failed > 0 ? `${failed} failed` : "",
    skipped.length > 0 ? `${skipped.length} skipped` : "",
  ];
  process.stdout.write(
    `${mark} ${step.name}: ${counts.filter(Boolean).join(", ")} (${seconds(stepStartedMs)})\n`,
  );
  if (failed > 0) process.stdout.write(`${failureText(step.name)}\n`);
  return count;
}

function seconds(sinceMs: number): string {
  return `${Math.round((performance.now() - sinceMs) / 1000)} s`;
}
