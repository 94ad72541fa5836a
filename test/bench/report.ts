/** What a row must reach. `ours` and `ratio` (ours / reference) are compared with `value`. */
export type Goal =
  | { of: "ratio"; atLeast: number }
  | { of: "ratio"; below: number }
  | { of: "ours"; below: number }
  | { of: "ours"; atMost: number };

export interface Measurement {
  name: string;
  /** Of `ours` and `reference`. */
  unit: string;
  ours: number;
  /** Left out where nothing measured in the same run compares. */
  reference?: number;
  referenceName?: string;
  goal?: Goal;
}

/** One line of a benchmark's result, as `--json` prints it. */
export interface BenchRow {
  name: string;
  unit: string;
  /** null when nothing came to be measured, as every latency when every page failed. */
  ours: number | null;
  /** null as `ours`, and where the row has none. */
  reference: number | null;
  referenceName: string | null;
  /** ours / reference; null when one of them is, or when the reference is 0. */
  ratio: number | null;
  /** In words; null when the row only informs. */
  goal: string | null;
  /** False too when there is nothing to compare. */
  met: boolean | null;
}

export interface BenchResult {
  bench: string;
  rows: BenchRow[];
}

/** Completes a measurement with its ratio and whether its goal is met. */
export function benchRow({ name, unit, goal, ...measured }: Measurement): BenchRow {
  const ours = finite(measured.ours);
  const reference = finite(measured.reference);
  const ratio = ours === null || reference === null || reference === 0 ? null : ours / reference;
  const row = { name, unit, ours, reference, referenceName: measured.referenceName ?? null, ratio };
  if (goal === undefined) return { ...row, goal: null, met: null };
  const value = goal.of === "ratio" ? ratio : ours;
  return { ...row, goal: goalText(goal), met: value !== null && reaches(value, goal) };
}

function finite(value: number | undefined): number | null {
  return value !== undefined && Number.isFinite(value) ? value : null;
}

function goalText(goal: Goal): string {
  if ("atLeast" in goal) return `${goal.of} ≥ ${goal.atLeast}`;
  return "atMost" in goal ? `${goal.of} ≤ ${goal.atMost}` : `${goal.of} < ${goal.below}`;
}

function reaches(value: number, goal: Goal): boolean {
  if ("atLeast" in goal) return value >= goal.atLeast;
  return "atMost" in goal ? value <= goal.atMost : value < goal.below;
}

/** A result as a table for a terminal. */
export function benchTable({ bench, rows }: BenchResult): string {
  const head = [bench, "unit", "ours", "reference", "", "ratio", "goal", "met"];
  const body = rows.map((row) => [
    row.name,
    row.unit,
    figure(row.ours),
    figure(row.reference),
    row.referenceName ?? "",
    figure(row.ratio),
    row.goal ?? "",
    row.met === null ? "" : row.met ? "yes" : "NO",
  ]);
  const numeric = new Set([2, 3, 5]);
  const widths = head.map((_, column) => Math.max(...[head, ...body].map((row) => row[column]?.length ?? 0)));
  const line = (row: string[]) =>
    row
      .map((cell, column) =>
        numeric.has(column) ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
      )
      .join("  ")
      .trimEnd();
  return [line(head), line(widths.map((width) => "─".repeat(width))), ...body.map(line)].join("\n");
}

/** Three significant digits, and no exponent. */
function figure(value: number | null): string {
  if (value === null) return "";
  if (Math.abs(value) >= 100) return value.toFixed(0);
  return String(Number(value.toPrecision(3)));
}
