/** How often each bit has come in a context, up to 15, packed: zeros × 16 + ones. 0: never seen. */
export type BitHistory = number;

export const BIT_HISTORIES = 256;
const MOST = 15;
/** What is left of a count when the other bit comes: what was, counts less than what is. */
const FADED = [0, 1, 2, 2, 3, 3, 4, 4, 5, 5, 5, 6, 6, 6, 7, 7];

const following = Uint8Array.from({ length: BIT_HISTORIES * 2 }, (_, at) => {
  const [zeros, ones] = [at >> 5, (at >> 1) & MOST];
  return at & 1
    ? ((FADED[zeros] ?? 0) << 4) | Math.min(MOST, ones + 1)
    : (Math.min(MOST, zeros + 1) << 4) | (FADED[ones] ?? 0);
});

/** The history after one more bit. */
export const followedBy = (history: BitHistory, bit: number): BitHistory => following[history * 2 + bit] ?? 0;

/** What a 1 is worth before anything was learned about such histories, in 1/65536. */
export function firstGuess(history: BitHistory): number {
  const [zeros, ones] = [history >> 4, history & MOST];
  // Krichevsky and Trofimov's estimator, a little more trusting.
  return Math.floor(((ones * 10 + 4) * 65_535) / ((zeros + ones) * 10 + 8));
}
