import type { BenchContext } from "./bench.ts";
import { crowd, failureCount } from "./load.ts";
import { failedRow, tell } from "./load-report.ts";
import { type BenchRow, benchRow } from "./report.ts";
import { quantile } from "./samples.ts";
import { both, MOST_PHONES, type Pair, type Stand } from "./stand.ts";

/** The first page of every phone, all at once: what the later rounds, in which each gateway knows its phones, do not show. */
export async function crowdRows(context: BenchContext, pair: Pair<Stand>): Promise<BenchRow[]> {
  const { ours, reference } = await both(pair, async ({ subject, phones }) => {
    const result = await crowd({ phones, fetchPage: (phone) => subject.fetchPage(phone) });
    tell(context, `${subject.name}: ${phones.length} phones never seen before, all at once`, result);
    return { lastMs: quantile(result.latenciesMs, 1), failures: failureCount(result) };
  });
  const referenceName = pair.reference.subject.name;
  const name = `${MOST_PHONES} phones never seen before, all at once`;
  return [
    benchRow({
      name: `${name}: last page`,
      unit: "ms",
      ours: ours.lastMs,
      reference: reference.lastMs,
      referenceName,
    }),
    failedRow(`${name}: failed pages`, ours.failures, reference.failures, referenceName),
  ];
}
