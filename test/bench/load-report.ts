import type { BenchContext } from "./bench.ts";
import type { LoadResult } from "./load.ts";
import { type BenchRow, benchRow } from "./report.ts";
import { quantile } from "./samples.ts";

/** The longest that 99 of 100 pages may take. */
export const LATENCY_LIMIT_MS = 50;

export function failedRow(name: string, ours: number, reference: number, referenceName: string): BenchRow {
  return benchRow({ name, unit: "pages", ours, reference, referenceName, goal: { of: "ours", atMost: 0 } });
}

/** Tells what a round gave, and what went wrong in it. */
export function tell(context: BenchContext, what: string, result: LoadResult): void {
  const p = (q: number) => `${quantile(result.latenciesMs, q).toFixed(0)} ms`;
  context.progress(`${what}: ${result.pagesPerSecond.toFixed(1)} pages/s, p50 ${p(0.5)}, p99 ${p(0.99)}`);
  for (const [failure, times] of result.failures) context.progress(`  ${times} × ${failure.slice(0, 200)}`);
}
