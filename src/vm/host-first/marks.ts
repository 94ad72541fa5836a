/** Between two marks and two times lies what keeps a decision from flapping (a Schmitt trigger with delays). */
export interface Marks {
  /** From here on it is too much, once it has lasted for {@link Marks.riseMs}. */
  high: number;
  /** Below it is well again, once that has lasted for {@link Marks.fallMs}. */
  low: number;
  riseMs: number;
  fallMs: number;
}

/** Whether a value is too much now, and since when it speaks for the contrary. */
export interface Verdict {
  holds: boolean;
  contrarySinceMs: number | undefined;
  /** It holds, and the last value was too much: what was done so far does not help yet. */
  presses: boolean;
}

export const WELL: Verdict = { holds: false, contrarySinceMs: undefined, presses: false };

/**
 * @param value undefined where it cannot be measured: then it speaks neither for nor against, and what holds goes on
 * to hold until it is well again
 * @param lately what says that it is well again, where that is another: of what comes in spurts, what they amount to
 */
export function judge(
  verdict: Verdict,
  value: number | undefined,
  marks: Marks,
  nowMs: number,
  lately = value,
): Verdict {
  const isHigh = value !== undefined && value >= marks.high;
  const speaksAgainst = verdict.holds ? lately !== undefined && lately < marks.low : isHigh;
  const sinceMs = speaksAgainst ? (verdict.contrarySinceMs ?? nowMs) : undefined;
  const changes = sinceMs !== undefined && nowMs - sinceMs >= (verdict.holds ? marks.fallMs : marks.riseMs);
  const holds = changes ? !verdict.holds : verdict.holds;
  return { holds, contrarySinceMs: changes ? undefined : sinceMs, presses: holds && isHigh };
}
