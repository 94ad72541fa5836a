import type { Journal } from "../../store/index.ts";
import { parseLeaseStatistics } from "./lease-row.ts";
import type { LeaseOutcome } from "./lease-state.ts";

/** What the journal is told of a lease that is over. */
export interface EndRow {
  id: string;
  requester: string;
  network: string | null;
  activity: string;
  outcome: LeaseOutcome;
  why: string;
  used_ms: number;
  /** The journal's last entry when the lease ended. */
  journal_after: number;
  statistics: string;
}

const KIND = "lease-ended";

/** The number of the journal's last entry; 0: there is none. */
export const lastEntry = (journal: Pick<Journal, "tail">): number => journal.tail(1)[0]?.id ?? 0;

/**
 * Whether this end is in the journal. The store and the journal are two databases, so that no transaction covers both: it is looked
 * for among what was written since, which is little, unless the journal was begun anew meanwhile.
 */
export function journalledSince(journal: Pick<Journal, "tail">, { id, journal_after }: EndRow): boolean {
  const last = lastEntry(journal);
  const count = last >= journal_after ? last - journal_after : last;
  return journal.tail(count).some(({ kind, subject }) => kind === KIND && subject === id);
}

export const noteEnd = (journal: Pick<Journal, "append">, row: EndRow): Promise<void> =>
  journal.append("vm", KIND, row.id, {
    outcome: row.outcome,
    why: row.why.slice(0, 1_000),
    activity: row.activity,
    requester: row.requester,
    ...(row.network === null ? {} : { network: row.network }),
    usedMs: row.used_ms,
    statistics: parseLeaseStatistics(row.statistics),
  });
