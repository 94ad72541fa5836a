/** A transmission as somebody with a stopwatch beside the antenna sees it. */
export interface Seen {
  startMs: number;
  endMs: number;
}

/**
 * The most that is on the air in any window of a length, found the plain way: the sum over a window has its largest
 * values where the window begins or ends with a transmission's edge.
 * @param seen in order, none overlapping another
 */
export function mostInAnyWindow(seen: readonly Seen[], windowMs: number): number {
  let most = 0;
  let first = 0;
  let whole = 0;
  // Windows that end with a transmission's end: a later one gains nothing, an earlier one lacks some of it.
  for (const { startMs, endMs } of seen) {
    whole += endMs - startMs;
    const fromMs = endMs - windowMs;
    while ((seen[first]?.endMs ?? endMs) <= fromMs) {
      const gone = seen[first];
      if (gone) whole -= gone.endMs - gone.startMs;
      first += 1;
    }
    const edge = seen[first];
    const cut = edge ? Math.max(0, Math.min(edge.endMs, fromMs) - edge.startMs) : 0;
    most = Math.max(most, whole - cut);
  }
  return most;
}
