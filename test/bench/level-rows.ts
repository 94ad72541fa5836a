import type { BenchContext } from "./bench.ts";
import { failureCount, type LoadResult, load } from "./load.ts";
import { failedRow, tell } from "./load-report.ts";
import { withPeakMemory } from "./memory-rows.ts";
import { type BenchRow, benchRow } from "./report.ts";
import { quantile } from "./samples.ts";
import { MOST_PHONES, type Pair, type Stand } from "./stand.ts";

/** openNDS needs half a minute for a page when 250 phones want one, so that its one round there is long. */
const LEVELS = [
  { phones: 1, rounds: 2, warmUpSeconds: 1, seconds: 5 },
  { phones: 50, rounds: 2, warmUpSeconds: 2, seconds: 8 },
  { phones: MOST_PHONES, rounds: 1, warmUpSeconds: 5, seconds: 30 },
];

/** What one subject did at one level, its rounds together. */
interface LevelResult {
  pagesPerSecond: number;
  p50Ms: number;
  p99Ms: number;
  failures: number;
  peakKiB: number;
}

/** Every phone opens page after page: how many pages come, how long each takes, and the most memory that it costs. */
export async function levelRows(context: BenchContext, pair: Pair<Stand>): Promise<BenchRow[]> {
  const rows: BenchRow[] = [];
  const referenceName = pair.reference.subject.name;
  for (const level of LEVELS) {
    const rounds: Pair<LoadResult[]> = { ours: [], reference: [] };
    const peakKiB = { ours: 0, reference: 0 };
    for (let round = 1; round <= (context.quick ? 1 : level.rounds); round++) {
      for (const side of ["ours", "reference"] as const) {
        const { subject, phones } = pair[side];
        const [result, peak] = await withPeakMemory(subject, () =>
          load({
            phones: phones.slice(0, level.phones),
            fetchPage: (phone) => subject.fetchPage(phone),
            warmUpSeconds: level.warmUpSeconds,
            seconds: context.quick ? level.seconds / 2 : level.seconds,
          }),
        );
        tell(context, `${subject.name}: ${level.phones} phones, round ${round}`, result);
        rounds[side].push(result);
        peakKiB[side] = Math.max(peakKiB[side], peak);
      }
    }
    const ours = together(rounds.ours, peakKiB.ours);
    const reference = together(rounds.reference, peakKiB.reference);
    rows.push(...rowsOfLevel(level.phones, ours, reference, referenceName));
  }
  return rows;
}

function together(rounds: readonly LoadResult[], peakKiB: number): LevelResult {
  const latencies = rounds.flatMap((round) => round.latenciesMs);
  return {
    pagesPerSecond: rounds.reduce((sum, round) => sum + round.pagesPerSecond, 0) / rounds.length,
    p50Ms: quantile(latencies, 0.5),
    p99Ms: quantile(latencies, 0.99),
    failures: rounds.reduce((sum, round) => sum + failureCount(round), 0),
    peakKiB,
  };
}

function rowsOfLevel(
  phones: number,
  ours: LevelResult,
  reference: LevelResult,
  referenceName: string,
): BenchRow[] {
  const at = `, ${phones} ${phones === 1 ? "phone" : "phones"} in a closed loop`;
  const lower = { of: "ratio", below: 1 } as const;
  const rows = [
    benchRow({
      name: `pages${at}`,
      unit: "pages/s",
      ours: ours.pagesPerSecond,
      reference: reference.pagesPerSecond,
      referenceName,
      goal: { of: "ratio", atLeast: 5 },
    }),
    benchRow({ name: `p50${at}`, unit: "ms", ours: ours.p50Ms, reference: reference.p50Ms, referenceName }),
    benchRow({
      name: `p99${at}`,
      unit: "ms",
      ours: ours.p99Ms,
      reference: reference.p99Ms,
      referenceName,
      goal: lower,
    }),
    failedRow(`failed pages${at}`, ours.failures, reference.failures, referenceName),
  ];
  if (phones === MOST_PHONES)
    rows.push(
      benchRow({
        name: `resident memory at most${at}`,
        unit: "MiB",
        ours: ours.peakKiB / 1024,
        reference: reference.peakKiB / 1024,
        referenceName,
      }),
    );
  return rows;
}
