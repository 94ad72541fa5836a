import { type Bench, type BenchContext, runBench } from "./bench.ts";
import { type BenchRow, benchRow } from "./report.ts";
import { median, quantile } from "./samples.ts";
import { openBenchLine } from "./serial-line.ts";
import type { Pair } from "./stand.ts";

const MEGABYTE = 1_000_000;
const SUBJECT = `${import.meta.dir}/serial-subject.mjs`;
const REFERENCE = "serialport 13 on Node";
const COMMANDS: Pair<readonly string[]> = {
  ours: [process.execPath, SUBJECT, "ours"],
  reference: ["node", SUBJECT, "serialport"],
};

interface Task {
  name: string;
  count: number;
  /** The program at the far end of the line. */
  far?: readonly string[];
  rounds: number;
}

/** Serial lines under Bun beside serialport's native binding under Node, on the same kind of pseudo-terminal. */
export const serial: Bench = {
  name: "serial",
  needsLab: false,
  summary: "serial throughput, opening and round trips beside serialport on Node, over pseudo-terminals",
  notes: [
    "a pseudo-terminal has no line speed: the rates are what the software can do, not what a UART does. At the far end cat and head work on it, in a process of their own.",
    "both sides run the same code on @serialport/stream; only the runtime and the binding differ.",
  ],
  run: async (context) => {
    const megabytes = context.quick ? 4 : 32;
    const bytes = megabytes * MEGABYTE;
    const rounds = context.quick ? 1 : 5;
    const rate = (seconds: number) => megabytes / seconds;
    const read = await alternate(context, {
      name: "read",
      count: bytes,
      far: ["head", "-c", String(bytes), "/dev/zero"],
      rounds,
    });
    const write = await alternate(context, { name: "write", count: bytes, far: ["cat"], rounds });
    const opens = context.quick ? 100 : 500;
    const opening = await alternate(context, { name: "openClose", count: opens, rounds });
    const trips = context.quick ? 500 : 3_000;
    const trip = await alternate(context, { name: "roundTrips", count: trips, far: ["cat"], rounds });
    return [
      faster("read from the line", "MB/s", mapped(read, numbers, rate)),
      faster("write to the line", "MB/s", mapped(write, numbers, rate)),
      faster(
        "open and close",
        "times/s",
        mapped(opening, numbers, (seconds) => opens / seconds),
      ),
      shorter("round trip of 32 bytes, p50", trip, 0.5),
      shorter("round trip of 32 bytes, p99", trip, 0.99),
    ];
  },
};

function faster(name: string, unit: string, { ours, reference }: Pair<number[]>): BenchRow {
  return benchRow({
    name,
    unit,
    ours: median(ours),
    reference: median(reference),
    referenceName: REFERENCE,
    goal: { of: "ratio", atLeast: 1 },
  });
}

function shorter(name: string, trips: Pair<unknown[]>, q: number): BenchRow {
  const { ours, reference } = mapped(trips, lists, (times) => quantile(times, q));
  return benchRow({
    name,
    unit: "ms",
    ours: median(ours),
    reference: median(reference),
    referenceName: REFERENCE,
    goal: { of: "ratio", below: 1 },
  });
}

/** Runs a task on both in turn, several times. @returns what they printed */
async function alternate(context: BenchContext, task: Task): Promise<Pair<unknown[]>> {
  const results: Pair<unknown[]> = { ours: [], reference: [] };
  for (let round = 1; round <= task.rounds; round++)
    for (const side of ["ours", "reference"] as const) {
      const result = await runTask(COMMANDS[side], task);
      results[side].push(result);
      const shown = typeof result === "number" ? `${result.toFixed(3)} s` : "done";
      context.progress(`${task.name}, round ${round}: ${side}: ${shown}`);
    }
  return results;
}

async function runTask(command: readonly string[], { name, count, far }: Task): Promise<unknown> {
  using line = openBenchLine();
  const subject = Bun.spawn([...command, name, line.path, String(count)], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const errors = subject.stderr.getReader();
  // It says so once the line is open, since opening throws away what came before.
  const told = far === undefined ? "" : new TextDecoder().decode((await errors.read()).value);
  const other =
    far === undefined
      ? undefined
      : Bun.spawn([...far], {
          stdin: line.far,
          stdout: name === "write" ? "ignore" : line.far,
          stderr: "ignore",
        });
  try {
    const printed = await subject.stdout.text();
    if ((await subject.exited) !== 0) {
      const { value } = await errors.read();
      throw new Error(`${command.join(" ")} ${name}: ${told}${new TextDecoder().decode(value)}`);
    }
    return JSON.parse(printed);
  } finally {
    subject.kill("SIGKILL");
    other?.kill("SIGKILL");
    await other?.exited;
  }
}

function mapped<T>(
  results: Pair<unknown[]>,
  check: (value: unknown) => T,
  figure: (value: T) => number,
): Pair<number[]> {
  const figures = (values: unknown[]) => values.map((value) => figure(check(value)));
  return { ours: figures(results.ours), reference: figures(results.reference) };
}

function numbers(value: unknown): number {
  if (typeof value !== "number") throw new Error(`not a number: ${JSON.stringify(value)}`);
  return value;
}

function lists(value: unknown): number[] {
  if (!Array.isArray(value)) throw new Error(`not a list: ${JSON.stringify(value)}`);
  return value.map(numbers);
}

if (import.meta.main) await runBench(serial, process.argv.slice(2));
