/**
 * Tries that each part of a piece of work takes on average where nothing else is going on: 2^18 for all 16 parts, 0.7 s on a telephone
 * that does 375,000 in a second.
 */
export const USUAL_TRIES = 16_384;
/** So many times the usual tries it takes where a device gets almost no more through by work. */
const MOST_TIMES_FOR_ONE = 8;
/**
 * And where all together do: 22 s for that telephone. A machine that does a hundred million tries in a second gets 12 through in one, little
 * more than the limit lets through again.
 */
const MOST_TIMES_FOR_ALL = 32;
/** How far the price may have risen since the challenge was given: whoever works slowly while others write is not asked again and again. */
const GRACE_TIMES = 2;

/** Of the limits up to which work lets something through, 0 to 1. Work that was done counts, merely asking does not. */
export interface WorkLoad {
  /** Of what the device gets through. */
  one: number;
  /** Of what all together do. */
  all: number;
}

/**
 * How hard the work is: the usual at first, then more and more the nearer the limits are.
 * @returns tries for each part
 */
export function triesAt({ one, all }: WorkLoad): number {
  return Math.round(
    USUAL_TRIES * Math.max(MOST_TIMES_FOR_ONE ** bounded(one), MOST_TIMES_FOR_ALL ** bounded(all)),
  );
}

/** The fewest tries for which something is let through now: what was asked for while all was quiet is too little in a flood. */
export function leastTriesAt(load: WorkLoad): number {
  return Math.ceil(triesAt(load) / GRACE_TIMES);
}

const bounded = (load: number): number => (Number.isFinite(load) ? Math.min(1, Math.max(0, load)) : 1);
