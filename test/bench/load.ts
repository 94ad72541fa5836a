import type { Phone } from "../lab/swarm.ts";

/** What phones got. */
export interface LoadResult {
  /** Pages that came in the measured time, over that time. */
  pagesPerSecond: number;
  /** Of every page that came after the warm-up, those still under way at the end included, in milliseconds. */
  latenciesMs: number[];
  /** What went wrong after the warm-up, and how often. */
  failures: Map<string, number>;
}

export interface LoadPlan {
  phones: readonly Phone[];
  fetchPage(phone: Phone): Promise<unknown>;
  warmUpSeconds: number;
  /** How long pages are counted. */
  seconds: number;
  /** A phone opens a page this often; without it, the next as soon as one has come (a closed loop). */
  everyMs?: number;
}

/**
 * Enough for a p99, and the end of a round. A gateway's connection tracking remembers a closed connection for 120 s, and
 * a fast portal would fill its table of 262,144 within one round.
 */
const MOST_PAGES = 20_000;

/** After a failure a phone waits before it tries again, as a person would. */
const PAUSE_AFTER_FAILURE_MS = 500;

/** Every phone opens page after page for the time of the plan. Returns when the last page under way is done. */
export async function load(plan: LoadPlan): Promise<LoadResult> {
  const begun = performance.now();
  const from = begun + plan.warmUpSeconds * 1_000;
  let to = from + plan.seconds * 1_000;
  const latenciesMs: number[] = [];
  const failures = new Map<string, number>();
  let inTime = 0;
  const open = async (phone: Phone) => {
    const started = performance.now();
    const failure = await failureOf(plan.fetchPage(phone));
    const now = performance.now();
    if (now >= from && failure === undefined) {
      latenciesMs.push(now - started);
      if (now <= to) inTime++;
      if (inTime === MOST_PAGES) to = Math.min(to, now);
    }
    if (failure === undefined) return;
    if (now >= from) count(failures, failure.replace(phone.name, "phone"));
    await Bun.sleep(PAUSE_AFTER_FAILURE_MS);
  };
  const { phones, everyMs = 0 } = plan;
  const loops = phones.map(async (phone, index) => {
    // Spread, since phones do not tick together.
    const phase = (everyMs * index) / phones.length;
    for (let turn = 0; ; turn++) {
      const wait = begun + phase + turn * everyMs - performance.now();
      if (wait > 0) await Bun.sleep(wait);
      if (performance.now() >= to) return;
      await open(phone);
    }
  });
  await Promise.all(loops);
  return { pagesPerSecond: (inTime * 1_000) / (to - from), latenciesMs, failures };
}

/** Every phone opens one page, all at once; pages per second are over the time until the last has come. */
export async function crowd({
  phones,
  fetchPage,
}: Pick<LoadPlan, "phones" | "fetchPage">): Promise<LoadResult> {
  const started = performance.now();
  const latenciesMs: number[] = [];
  const failures = new Map<string, number>();
  await Promise.all(
    phones.map(async (phone) => {
      const failure = await failureOf(fetchPage(phone));
      if (failure === undefined) latenciesMs.push(performance.now() - started);
      else count(failures, failure.replace(phone.name, "phone"));
    }),
  );
  const pagesPerSecond = (latenciesMs.length * 1_000) / (performance.now() - started);
  return { pagesPerSecond, latenciesMs, failures };
}

/** How many pages failed. */
export function failureCount({ failures }: LoadResult): number {
  return [...failures.values()].reduce((sum, times) => sum + times, 0);
}

function failureOf(page: Promise<unknown>): Promise<string | undefined> {
  return page.then(
    () => undefined,
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  );
}

function count(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
