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

/** A value, and what it amounts to over some seconds; undefined: it cannot be measured. */
export interface Sign {
  now: number | undefined;
  lately: number | undefined;
}

/** Of what does not come in spurts. */
export const steady = (value: number | undefined): Sign => ({ now: value, lately: value });

/**
 * It is too much by what it is now, and over by what it amounts to. What cannot be measured speaks neither for nor against, and what
 * holds goes on to hold until it is well again.
 */
export function judge(verdict: Verdict, { now, lately }: Sign, marks: Marks, nowMs: number): Verdict {
  const isHigh = now !== undefined && now >= marks.high;
  const isOver = lately !== undefined && lately < marks.low && !isHigh;
  const sinceMs = (verdict.holds ? isOver : isHigh) ? (verdict.contrarySinceMs ?? nowMs) : undefined;
  const changes = sinceMs !== undefined && nowMs - sinceMs >= (verdict.holds ? marks.fallMs : marks.riseMs);
  const holds = changes ? !verdict.holds : verdict.holds;
  return { holds, contrarySinceMs: changes ? undefined : sinceMs, presses: holds && isHigh };
}
