/** Whose lease it is: the box's own people, a member of one of its networks, or anybody. */
export type Origin = "local" | "network" | "stranger";

/** What decides which of two leases goes first. */
export interface Ranked {
  /** 32 hexadecimal digits. */
  id: string;
  origin: Origin;
  /** By policy; the higher goes first among leases of the same origin. */
  priority: number;
  /** Milliseconds since 1970; of two that are otherwise equal the older goes first. */
  startedAtMs: number;
}

const STANDING: Record<Origin, number> = { local: 2, network: 1, stranger: 0 };

/**
 * For sorting, the one that gives way first in front: strangers before networks before local ones, then by priority,
 * then the younger. No two leases are equal, so that the order is always the same.
 */
export function byRank(a: Ranked, b: Ranked): number {
  return compareStanding(a, b) || b.startedAtMs - a.startedAtMs || (a.id < b.id ? 1 : a.id > b.id ? -1 : 0);
}

/** Below 0 where `a` may be made to give way to `b` for good: for that being younger is not enough. */
export function compareStanding(a: Pick<Ranked, "origin" | "priority">, b: typeof a): number {
  return STANDING[a.origin] - STANDING[b.origin] || a.priority - b.priority;
}
