/**
 * Tries that each part of a piece of work takes on average where nothing else is going on: 2^18 for all 16 parts, 0.7 s on a telephone
 * that does 375,000 in a second.
 */
export const USUAL_TRIES = 16_384;
/** Where nobody gets any more through by work, it takes so many times the usual tries. */
const MOST_TIMES = 8;

/**
 * How hard the work is: the usual at first, then more and more the nearer the limit is up to which work lets something through. Only
 * work that was done counts into the load: whoever merely asks makes it no harder for others.
 * @param load of the limit, 0 to 1
 * @returns tries for each part
 */
export function triesAt(load: number): number {
  const bounded = Number.isFinite(load) ? Math.min(1, Math.max(0, load)) : 1;
  return Math.round(USUAL_TRIES * MOST_TIMES ** bounded);
}
