const MOST = 6;
const WITHIN_MS = 600_000;

/** Lets so much news of one thing pass that a loose plug fills neither the journal nor wears out what that is kept on. */
export class NewsRate {
  private passedMs: readonly number[] = [];

  /** @returns whether news may be told now; then it counts as told */
  passes(atMs: number): boolean {
    const recent = this.passedMs.filter((at) => atMs - at < WITHIN_MS);
    const isQuiet = recent.length < MOST;
    this.passedMs = isQuiet ? [...recent, atMs] : recent;
    return isQuiet;
  }
}
