/**
 * What is not signed and does not open anybody may have written, to make both sides begin anew again and again, and lose what is on its way
 * by their present keys. Where something else of theirs opens before so long, it was not theirs, or no loss.
 */
const DOUBT_FOR_S = 3_600;
/** And so often at most, however long it lasts. Whoever did write it signs again before long. */
const DOUBTED_EVERY_S = 6 * 3_600;

/** What is known of somebody of whom, by its own word, something has come that does not open. Times are seconds since 1970. */
export interface Doubt {
  /** Since when; 0: everything opens. */
  sinceS: number;
  /** When they were last asked to begin a new session. */
  renewedS: number;
  /** What is kept here may be behind theirs anyway. */
  isStale: boolean;
}

/** Whether what was not signed and did not open is taken for theirs, and the keys for it as lost. */
export const isLoss = ({ sinceS, renewedS, isStale }: Doubt, nowS: number): boolean =>
  sinceS > 0 &&
  Math.abs(nowS - renewedS) > DOUBTED_EVERY_S &&
  (isStale || Math.abs(nowS - sinceS) > DOUBT_FOR_S);
