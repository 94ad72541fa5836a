import { existsSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";

export const ROOT = resolve(import.meta.dir, "..");
export const OUTPUT = join(ROOT, "test/output");
const BIN = join(ROOT, "node_modules/.bin");
/** Lines of a failed step's own output that are shown. */
const TAIL = 120;
/** A process that a signal has ended has 128 and the signal's number as its status. */
const SIGNALLED = 128;

export interface Count {
  passed: number;
  failed: number;
  /** The titles of what was skipped, with the reason. */
  skipped: string[];
}

export interface Step {
  name: string;
  /**
   * It works with real programs against the clock, beside other steps on two processors: what fails is tried once more with the
   * machine for itself, and has failed when it fails again. That it took two tries is said at the end.
   */
  hasSecondTry?: boolean;
  run: () => Promise<Count>;
}

/** Names under which a process of tests has crashed, and was run again. */
export const crashed: string[] = [];

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

/** A program that has to end well. */
export function check(name: string, program: string, ...options: string[]): Step {
  return {
    name,
    run: async () => {
      const ok = (await logged(name, [join(BIN, program), ...options])) === 0;
      return { passed: ok ? 1 : 0, failed: ok ? 0 : 1, skipped: [] };
    },
  };
}

/**
 * Files or folders of tests in a Bun of its own. Where the process comes to an end by a signal before any test has failed, as
 * when native code has damaged the heap, it is run once more, unless the step has a second try anyway.
 */
export function tests(name: string, paths: readonly string[], timeoutMs: number, hasSecondTry = false): Step {
  const report = join(OUTPUT, `${name}.xml`);
  const command = [
    join(BIN, "bun"),
    "test",
    "--timeout",
    String(timeoutMs),
    "--reporter=junit",
    `--reporter-outfile=${report}`,
    ...paths.map((path) => `./${path}`),
  ];
  return {
    name,
    hasSecondTry,
    run: async () => {
      rmSync(report, { force: true });
      let status = await logged(name, command);
      if (!hasSecondTry && status > SIGNALLED && !/^\(fail\)/m.test(textOf(`${name}.errors.log`))) {
        crashed.push(name);
        process.stdout.write(`${failureText(name)}\n  ${name} has crashed, and is run again\n`);
        keepFirst(name);
        status = await logged(name, command);
      }
      const count = counted(report);
      // A run that broke without a failed test (a crash, a syntax error, no test at all) has failed all the same.
      const broke = count.failed === 0 && (status !== 0 || count.passed + count.skipped.length === 0);
      return broke ? { ...count, failed: 1 } : count;
    },
  };
}

export function add(total: Count, { passed, failed, skipped }: Count): void {
  total.passed += passed;
  total.failed += failed;
  total.skipped.push(...skipped);
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

/** What runs again would write over what the first run has said, and its lab's processes. */
export function keepFirst(name: string): void {
  const own = ["log", "errors.log"].map((kind) => `${name}.${kind}`);
  const labs = readdirSync(OUTPUT).filter((file) => /^omb-.*-processes(?: \d+)?\.log$/.test(file));
  for (const file of [...own, ...labs]) {
    const path = join(OUTPUT, file);
    if (existsSync(path)) renameSync(path, path.replace(/((?:\.errors)?\.log)$/, " first$1"));
  }
}

/** The end of what a step has said, without the tests that passed. */
export function failureText(name: string): string {
  return [`${name}.log`, `${name}.errors.log`]
    .flatMap((file) => textOf(file).split("\n"))
    .filter((line) => !/^\((pass|skip)\)/.test(line))
    .slice(-TAIL)
    .map((line) => `    ${line}`)
    .join("\n");
}

function textOf(file: string): string {
  const path = join(OUTPUT, file);
  return existsSync(path) ? readFileSync(path, "utf8") : "";
}
