import { isSteady, isWorking, type UplinkHealth, type UplinkState } from "./uplink-health.ts";

export interface UplinkCandidate {
  readonly interface: string;
  readonly health: UplinkHealth;
  /** The lowest goes first. */
  readonly priority: number;
  readonly metered: boolean;
}

/** What might carry something where nothing is known to: the likelier first. */
const LAST_RESORTS: readonly UplinkState[] = ["checking", "associated", "captive", "router-silent"];

/**
 * Which ways to the internet are used now: the best that works, and with it those that are as good. Pure.
 *
 * What works goes before what is bad at it (lossy, slow), unmetered before metered, and then the lowest priority; one
 * on which names do not resolve comes after all of these. One that has failed is taken again when it has worked for a
 * while, or as soon as nothing else does. Where nothing works the likeliest is kept, as a system without any check would:
 * what the checks ask may be what is broken.
 * @param before what was used until now
 */
export function chooseUplinks(
  candidates: readonly UplinkCandidate[],
  before: readonly string[],
  atMs: number,
): string[] {
  const working = candidates.filter(({ health }) => isWorking(health));
  const trusted = working.filter((one) => before.includes(one.interface) || isSteady(one.health, atMs));
  const best = bestOf(trusted.length > 0 ? trusted : working, rankOf);
  return best.length > 0 ? best : bestOf(candidates.filter(isPossible), lastRankOf);
}

function bestOf(candidates: readonly UplinkCandidate[], rank: (one: UplinkCandidate) => number[]): string[] {
  const [best] = [...candidates].sort((a, b) => compare(rank(a), rank(b)));
  if (best === undefined) return [];
  return candidates.filter((one) => compare(rank(one), rank(best)) === 0).map((one) => one.interface);
}

const rankOf = ({ health: { state }, metered, priority }: UplinkCandidate): number[] => [
  Number(state === "no-names"),
  Number(metered),
  Number(state === "lossy" || state === "slow"),
  priority,
];

const lastRankOf = ({ health: { state }, metered, priority }: UplinkCandidate): number[] => [
  LAST_RESORTS.indexOf(state),
  Number(metered),
  priority,
];

const isPossible = ({ health: { state } }: UplinkCandidate): boolean => LAST_RESORTS.includes(state);

function compare(a: readonly number[], b: readonly number[]): number {
  const differs = a.findIndex((value, index) => value !== b[index]);
  return differs < 0 ? 0 : (a[differs] ?? 0) - (b[differs] ?? 0);
}
