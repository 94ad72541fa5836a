import { parseArgs } from "node:util";
import { Lab } from "../lab/lab.ts";
import { machineLoad } from "./cpu-time.ts";
import { type BenchRow, benchTable } from "./report.ts";

/** Share of the machine that others may take before the figures are doubtful. */
const BUSY = 0.1;

export interface BenchContext {
  /** Opened for this run, closed after it; where none is needed, it is not. */
  lab: Lab;
  /** Fewer and shorter rounds, for a look while working. */
  quick: boolean;
  /** Whether this part of the bench is to run: all do, unless some were named. */
  wants(part: string): boolean;
  /** Tells on standard error what is going on. */
  progress(text: string): void;
}

/** A comparison with a named reference, measured in the same run. */
export interface Bench {
  readonly name: string;
  /** One line for `--list`. */
  readonly summary: string;
  /** What a reader of the rows must know; printed under the table. */
  readonly notes: readonly string[];
  /** Names for `--part`. */
  readonly parts?: readonly string[];
  /** Default true: it runs in network namespaces, as root. */
  readonly needsLab?: boolean;
  run(context: BenchContext): Promise<BenchRow[]>;
}

/**
 * Runs one benchmark: a table, or with `--json` a `BenchResult` on standard output and the table on standard error.
 * Most need root. A missed goal is a result and no failure.
 * @throws when it did not run to its end; what it had started is gone by then.
 */
export async function runBench(bench: Bench, args: readonly string[]): Promise<void> {
  const { json, quick, wanted } = readOptions(bench, args);
  const name = `bench-${bench.name}`;
  const lab = new Lab(name);
  for (const signal of ["SIGINT", "SIGTERM"] as const)
    process.once(signal, () => {
      // Nothing of the bench runs on while this waits, so nothing new is made behind the sweeper.
      Bun.spawnSync([process.execPath, `${import.meta.dir}/sweep.ts`, name]);
      process.exit(1);
    });
  const started = performance.now();
  const progress = (text: string) =>
    process.stderr.write(`${((performance.now() - started) / 1000).toFixed(1).padStart(6)} s  ${text}\n`);
  try {
    const load = await machineLoad(1_000);
    if (load > BUSY) progress(`warning: the machine is ${Math.round(load * 100)} % busy already`);
    if (bench.needsLab !== false) await lab.open();
    const wants = (part: string) => wanted.length === 0 || wanted.includes(part);
    const rows = await bench.run({ lab, quick, wants, progress });
    const result = { bench: bench.name, rows };
    const table = `${[benchTable(result), "", ...bench.notes].join("\n")}\n`;
    if (json) {
      process.stderr.write(table);
      process.stdout.write(`${JSON.stringify(result)}\n`);
    } else process.stdout.write(table);
  } finally {
    if (bench.needsLab !== false) await lab.close();
  }
}

/** @throws when an option or a part is not known */
function readOptions({ name, parts = [] }: Bench, args: readonly string[]) {
  const options = {
    json: { type: "boolean", default: false },
    quick: { type: "boolean", default: false },
    part: { type: "string", multiple: true, default: [] as string[] },
  } as const;
  const { json, quick, part } = parseArgs({ args: [...args], options }).values;
  const unknown = part.find((one) => !parts.includes(one));
  if (unknown !== undefined)
    throw new Error(`${name}: no part ${unknown}; known: ${parts.join(", ") || "none"}`);
  return { json, quick, wanted: part };
}
