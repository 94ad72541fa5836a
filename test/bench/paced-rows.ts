import type { Phone } from "../lab/swarm.ts";
import type { BenchContext } from "./bench.ts";
import { load } from "./load.ts";
import { LATENCY_LIMIT_MS, tell } from "./load-report.ts";
import { type BenchRow, benchRow } from "./report.ts";
import { quantile } from "./samples.ts";
import type { Stand } from "./stand.ts";

const PACE = { everyMs: 1_000, seconds: 10 };

/**
 * The latency that people get. In the closed loop it is what 250 phones and the load tool itself leave each other of two
 * cores; here every phone opens a page a second. openNDS, far from 250 pages a second, would only repeat its closed loop.
 */
export async function pacedRows(context: BenchContext, { subject, phones }: Stand): Promise<BenchRow[]> {
  const { everyMs, seconds } = PACE;
  const fetchPage = (phone: Phone) => subject.fetchPage(phone);
  const result = await load({ phones, fetchPage, everyMs, seconds, warmUpSeconds: 1 });
  tell(context, `${subject.name}: ${phones.length} phones, each a page in ${everyMs} ms`, result);
  const name = `p99, ${phones.length} phones, each a page in ${everyMs / 1_000} s`;
  return [
    benchRow({
      name,
      unit: "ms",
      ours: quantile(result.latenciesMs, 0.99),
      goal: { of: "ours", below: LATENCY_LIMIT_MS },
    }),
  ];
}
