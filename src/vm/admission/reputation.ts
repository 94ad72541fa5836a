import { UNKNOWN_REPUTATION } from "./state.ts";

/** One lease of a requester that is over, the latest first in a list. */
export interface PastLease {
  /** As the store has it: "released", "punished", …. */
  outcome: string;
  /** Of its time. */
  usedMs: number;
}

/** Of how many of the last that say something. */
const MOST_COUNTED = 20;
/** How much weighs that nothing is known: as much as so many leases. */
const UNKNOWN_WEIGHT = 10;
/** What was given back sooner says nothing good: a name is not to be had by asking often. */
const LEAST_USED_MS = 60_000;

/** What an end says of the requester, 0 to 100, and how much it counts. What the box, its operator or others did says nothing. */
const SAYS: Readonly<Record<string, { worth: number; weight: number }>> = {
  released: { worth: 100, weight: 1 },
  expired: { worth: 90, weight: 1 },
  silent: { worth: 25, weight: 1 },
  punished: { worth: 0, weight: 10 },
};

/**
 * The reputation of a requester with this box, 0 to 100, from their own leases here: the mean of what the last 20 ends
 * say, among ten times "unknown" (50). Given back in time 100, used to its end 90, left without a word 25, punished 0 and
 * as much as ten others. So one punishment makes 25 of a newcomer, and twenty good leases make 83.
 *
 * A key costs nothing: whoever has lost their name comes back as unknown. Rules may so favour the well-known, and cannot
 * keep out the ill-known.
 */
export function reputationOf(past: readonly PastLease[]): number {
  const counted = past
    .filter(({ outcome, usedMs }) => isBad(outcome) || usedMs >= LEAST_USED_MS)
    .flatMap(({ outcome }) => SAYS[outcome] ?? [])
    .slice(0, MOST_COUNTED);
  const weight = counted.reduce((sum, one) => sum + one.weight, UNKNOWN_WEIGHT);
  const worth = counted.reduce(
    (sum, one) => sum + one.worth * one.weight,
    UNKNOWN_REPUTATION * UNKNOWN_WEIGHT,
  );
  return Math.round(worth / weight);
}

const isBad = (outcome: string): boolean => (SAYS[outcome]?.worth ?? UNKNOWN_REPUTATION) < UNKNOWN_REPUTATION;
