/** A page that did not answer while others did may be blocked here, or have no address of the family. */
const LEFT_OUT_MS = 3_600_000;

/**
 * Which of the pages is asked for next: one after the other, so that none of their owners sees every check. One that
 * failed where others answered is left out for an hour: else each turn of it would count as a loss of the link.
 */
export class TargetTurns {
  private turn = 0;
  /** Until when each is left out. */
  private readonly leftOut = new Map<URL, number>();
  private suspect: URL | undefined;

  constructor(private readonly targets: readonly URL[]) {}

  /** @param isAll where the last check has failed: then the others may answer */
  next(isAll: boolean, atMs: number): readonly URL[] {
    if (isAll) return this.targets;
    const asked = this.targets.filter((one) => (this.leftOut.get(one) ?? 0) <= atMs);
    if (asked.length === 0) this.leftOut.clear();
    const from = asked.length > 0 ? asked : this.targets;
    const one = from[this.turn % from.length];
    this.turn += 1;
    return one === undefined ? [] : [one];
  }

  /** What came of asking these. */
  answered(targets: readonly URL[], isReached: boolean, atMs: number): void {
    if (isReached && targets.length > 1 && this.suspect !== undefined)
      this.leftOut.set(this.suspect, atMs + LEFT_OUT_MS);
    this.suspect = !isReached && targets.length === 1 ? targets[0] : undefined;
  }
}
