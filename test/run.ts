import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join, relative, resolve } from "node:path";

const ROOT = resolve(import.meta.dir, "..");
const OUTPUT = join(ROOT, "test/output");
const BIN = join(ROOT, "node_modules/.bin");
/** Lines of a failed step's own output that are shown. */
const TAIL = 120;
/** All of it is to be over within an hour. */
const NO_SECOND_AFTER_MS = 50 * 60_000;
const LONGEST_SECOND_MS = 5 * 60_000;

interface Count {
  passed: number;
  failed: number;
  /** The titles of what was skipped, with the reason. */
  skipped: string[];
}

interface Step {
  name: string;
  /** The names under which its output is kept. */
  logs: readonly string[];
  /**
   * It works with real programs against the clock, on two processors that it does not have alone: what fails is tried once more,
   * and has failed when it fails again. That it took two tries is said at the end.
   */
  hasSecondTry?: boolean;
  run: () => Promise<Count>;
}

/** Runs a program with its output in a file. @returns its exit status */
async function logged(name: string, command: readonly string[]): Promise<number> {
  const child = Bun.spawn([...command], {
    cwd: ROOT,
    stdin: "ignore",
    stdout: Bun.file(join(OUTPUT, `${name}.log`)),
    stderr: "pipe",
    env: { ...process.env, FORCE_COLOR: "0" },
  });
  const errors = await new Response(child.stderr).text();
  const status = await child.exited;
  await Bun.write(join(OUTPUT, `${name}.errors.log`), errors);
  return status;
}

function check(name: string, ...command: string[]): Step {
  return {
    name,
    logs: [name],
    run: async () => {
      const ok = (await logged(name, command)) === 0;
      return { passed: ok ? 1 : 0, failed: ok ? 0 : 1, skipped: [] };
    },
  };
}

/** Files or folders of tests in a Bun of its own. */
function tests(name: string, paths: readonly string[], timeoutMs: number): Step {
  const report = join(OUTPUT, `${name}.xml`);
  return {
    name,
    logs: [name],
    run: async () => {
      const status = await logged(name, [
        join(BIN, "bun"),
        "test",
        "--timeout",
        String(timeoutMs),
        "--reporter=junit",
        `--reporter-outfile=${report}`,
        ...paths.map((path) => `./${path}`),
      ]);
      const count = counted(report);
      // A run that broke without a failed test (a crash, a syntax error, no test at all) has failed all the same.
      const broke = count.failed === 0 && (status !== 0 || count.passed + count.skipped.length === 0);
      return broke ? { ...count, failed: 1 } : count;
    },
  };
}

/** Counts from JUnit's XML as Bun writes it. */
function counted(report: string): Count {
  const count: Count = { passed: 0, failed: 0, skipped: [] };
  let xml = "";
  try {
    xml = readFileSync(report, "utf8");
  } catch {
    return count;
  }
  for (const [, attributes = "", end, body = ""] of xml.matchAll(
    /<testcase ([^>]*?)(\/>|>([\s\S]*?)<\/testcase>)/g,
  )) {
    const inner = end === "/>" ? "" : body;
    if (inner.includes("<failure") || inner.includes("<error")) count.failed += 1;
    else if (inner.includes("<skipped"))
      count.skipped.push(`${attribute(attributes, "classname")}: ${attribute(attributes, "name")}`);
    else count.passed += 1;
  }
  return count;
}

function attribute(text: string, name: string): string {
  const value = new RegExp(`\\b${name}="([^"]*)"`).exec(text)?.[1] ?? "";
  const entities: Record<string, string> = {
    "&lt;": "<",
    "&gt;": ">",
    "&quot;": '"',
    "&apos;": "'",
    "&amp;": "&",
  };
  return value.replace(/&(lt|gt|quot|apos|amp);/g, (entity) => entities[entity] ?? entity);
}

const withSecondTry = (step: Step): Step => ({ ...step, hasSecondTry: true });

/** Steps that run side by side and count as one. */
function atOnce(name: string, steps: readonly Step[]): Step {
  return {
    name,
    logs: steps.flatMap((step) => step.logs),
    run: async () => {
      const counts = await Promise.all(steps.map((step) => step.run()));
      return {
        passed: counts.reduce((sum, { passed }) => sum + passed, 0),
        failed: counts.reduce((sum, { failed }) => sum + failed, 0),
        skipped: counts.flatMap(({ skipped }) => skipped),
      };
    },
  };
}

function foldersOf(folder: string, except: readonly string[]): string[] {
  return readdirSync(join(ROOT, folder), { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !except.includes(entry.name))
    .map(({ name }) => join(folder, name));
}

function testFiles(folder: string): string[] {
  return readdirSync(join(ROOT, folder))
    .filter((name) => name.endsWith(".test.ts"))
    .sort()
    .map((name) => join(folder, name));
}

/** They mostly wait, or keep one processor busy: they run while the unit tests do, one after the other. */
const BESIDE_UNIT = ["image image-boot", "lab uplinks"];

const steps: Step[] = [
  check("format and lint", join(BIN, "biome"), "ci", "--error-on-warnings", "."),
  check("types", join(BIN, "tsc"), "-p", "."),
  // What a browser has, and Bun has not.
  check("types of the page", join(BIN, "tsc"), "-p", "portal/app"),
  // Most of the LoRa tests wait for emulated radios in real time, and the others can use the machine meanwhile.
  atOnce("unit", [
    tests("unit lora", ["test/unit/lora"], 120_000),
    tests("unit others", foldersOf("test/unit", ["lora"]), 120_000),
  ]),
  // An emulated machine does everything some ten times slower.
  ...Object.entries({
    "test/lab": 60_000,
    "test/guest": 180_000,
    "test/image": 600_000,
    "test/e2e": 60_000,
  }).flatMap(([folder, timeoutMs]) =>
    testFiles(folder).map((file) =>
      withSecondTry(
        tests(relative("test", file).replace(".test.ts", "").replace("/", " "), [file], timeoutMs),
      ),
    ),
  ),
];

rmSync(OUTPUT, { recursive: true, force: true });
mkdirSync(OUTPUT, { recursive: true });
const only = process.argv.slice(2);
const total: Count = { passed: 0, failed: 0, skipped: [] };
const startedMs = performance.now();
/** Steps that passed only when they were run again. */
const unsteady: string[] = [];
const wanted = steps.filter(({ name }) => only.length === 0 || only.some((word) => name.includes(word)));
const isBeside = ({ name }: Step) => BESIDE_UNIT.includes(name);
const beside = BESIDE_UNIT.flatMap((name) => wanted.filter((step) => step.name === name));
for (const step of wanted.filter((one) => !isBeside(one))) {
  await Promise.all([report(step), ...(step.name === "unit" ? [inTurn(beside.splice(0))] : [])]);
}
await inTurn(beside);

if (total.skipped.length > 0) {
  process.stdout.write("\nSkipped:\n");
  for (const title of new Set(total.skipped)) process.stdout.write(`  ${title}\n`);
}
if (unsteady.length > 0) process.stdout.write(`\nPassed at the second try: ${unsteady.join(", ")}\n`);
process.stdout.write(`\nTook ${seconds(startedMs)}; logs and screenshots are in test/output.\n`);
process.stdout.write(`${total.passed} passed, ${total.failed} failed, ${total.skipped.length} skipped\n`);
process.exitCode = total.failed > 0 || total.passed === 0 ? 1 : 0;

async function inTurn(some: readonly Step[]): Promise<void> {
  for (const step of some) await report(step);
}

/** Runs a step, and says what became of it; once more where that is right and there is time. */
async function report(step: Step): Promise<void> {
  const stepStartedMs = performance.now();
  const first = await shown(step);
  const isTooLate = performance.now() - startedMs > NO_SECOND_AFTER_MS;
  const isTooLong = performance.now() - stepStartedMs > LONGEST_SECOND_MS;
  const again = first.failed > 0 && step.hasSecondTry === true && !isTooLate && !isTooLong;
  if (again) for (const name of step.logs) keepFirst(name);
  const last = again ? await shown(step) : first;
  if (again && last.failed === 0) unsteady.push(step.name);
  total.passed += last.passed;
  total.failed += last.failed;
  total.skipped.push(...last.skipped);
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
  if (failed > 0) process.stdout.write(`${step.logs.map(failureText).join("\n")}\n`);
  return count;
}

/** The second try would write over what the first has said. */
function keepFirst(name: string): void {
  for (const kind of ["log", "errors.log"])
    renameSync(join(OUTPUT, `${name}.${kind}`), join(OUTPUT, `${name} first.${kind}`));
}

function failureText(name: string): string {
  return [`${name}.log`, `${name}.errors.log`]
    .flatMap((file) => readFileSync(join(OUTPUT, file), "utf8").split("\n"))
    .filter((line) => !/^\((pass|skip)\)/.test(line))
    .slice(-TAIL)
    .map((line) => `    ${line}`)
    .join("\n");
}

function seconds(sinceMs: number): string {
  return `${Math.round((performance.now() - sinceMs) / 1000)} s`;
}
