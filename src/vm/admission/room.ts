import type { LeaseResources } from "../request/index.ts";
import type { Capability, LiveLease } from "./state.ts";

/** What leases need of a box. */
type Need = Pick<LeaseResources, "cpus" | "memoryMiB" | "diskMiB">;
const KINDS = ["cpus", "memoryMiB", "diskMiB"] as const;

/** Whether there is room for one more beside those that live. */
export function fits(
  need: Need,
  capability: Capability,
  live: readonly LiveLease[],
  mostAtOnce: number,
): boolean {
  if (live.length >= mostAtOnce) return false;
  const lent = (kind: keyof Need) => live.reduce((sum, lease) => sum + lease[kind], 0);
  return KINDS.every((kind) => lent(kind) + need[kind] <= capability[kind]);
}

/**
 * Whom a lease of a priority displaces so that there is room: of those whose priority is lower as few as suffice, the lowest
 * first, and of those the youngest, who have done the least.
 * @returns ids; none where there is room; undefined when even without all of lower priority there is not enough
 */
export function makeRoom(
  need: Need,
  priority: number,
  capability: Capability,
  live: readonly LiveLease[],
  mostAtOnce: number,
): string[] | undefined {
  const fitsWithout = (gone: readonly LiveLease[]) =>
    fits(
      need,
      capability,
      live.filter((lease) => !gone.includes(lease)),
      mostAtOnce,
    );
  const lower = live
    .filter((lease) => lease.priority < priority)
    .sort((a, b) => a.priority - b.priority || b.startedMs - a.startedMs);
  let gone: readonly LiveLease[] = [];
  for (const lease of lower) {
    if (fitsWithout(gone)) break;
    gone = [...gone, lease];
  }
  if (!fitsWithout(gone)) return undefined;
  // A large one that came late may have made the small ones before it unnecessary, or the other way round: who is worth most stays first.
  for (const lease of [...gone].reverse()) {
    const rest = gone.filter((other) => other !== lease);
    if (fitsWithout(rest)) gone = rest;
  }
  return gone.map(({ id }) => id);
}

/** When there is room at the latest if nobody else comes, in ms since 1970 by the box's clock; undefined: not by leases that end. */
export function roomAtMs(
  need: Need,
  capability: Capability,
  live: readonly LiveLease[],
  mostAtOnce: number,
): number | undefined {
  const ends = [...live].sort((a, b) => a.endsMs - b.endsMs);
  const last = ends.findIndex((_, index) => fits(need, capability, ends.slice(index + 1), mostAtOnce));
  return ends[last]?.endsMs;
}
