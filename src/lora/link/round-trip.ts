/** As RFC 6298 has it; with two, twenty senders at 30 % loss ask into each other's bursts and reach a third less. */
const VARIATIONS = 4;

/** How long an answer takes, learned as TCP learns it (RFC 6298), with Karn's rule left to the caller. */
export class RoundTrip {
  private smoothedMs: number | undefined;
  private variationMs = 0;

  /** An answer came `ms` after the question had left, which was asked once only. */
  measured(ms: number): void {
    if (this.smoothedMs === undefined) {
      this.smoothedMs = ms;
      this.variationMs = ms / 2;
      return;
    }
    this.variationMs = 0.75 * this.variationMs + 0.25 * Math.abs(this.smoothedMs - ms);
    this.smoothedMs = 0.875 * this.smoothedMs + 0.125 * ms;
  }

  /**
   * After how long without an answer the question is asked again.
   * @param leastMs what an answer takes at least
   */
  timeoutMs(leastMs: number): number {
    if (this.smoothedMs === undefined) return leastMs * 4 + 500;
    return Math.max(leastMs * 1.5, this.smoothedMs + VARIATIONS * this.variationMs);
  }
}
