/** Who has just joined takes over as many as a network keeps; then so many a minute come in at most. */
const BURST = 3_000;
const A_MINUTE = 600;

/**
 * How many admissions of others are looked at: each has up to six signatures, and any member can make up as many as it likes.
 * What is turned away comes again, when boxes compare what they have.
 */
export class AdmissionRate {
  private left = BURST;
  private atMs: number;

  constructor(private readonly monotonicMs: () => number) {
    this.atMs = monotonicMs();
  }

  /** @returns whether one more may be looked at */
  take(): boolean {
    const nowMs = this.monotonicMs();
    this.left = Math.min(BURST, this.left + ((nowMs - this.atMs) / 60_000) * A_MINUTE);
    this.atMs = nowMs;
    if (this.left < 1) return false;
    this.left -= 1;
    return true;
  }
}
