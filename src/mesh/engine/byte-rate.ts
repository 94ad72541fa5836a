import type { Timers } from "../../host/timers.ts";

/** How much may go at once after a pause, as time at the full rate. */
const BURST_MS = 250;

/** Lets bytes through at a rate. Who takes more than there is waits, in the order of asking. */
export class ByteRate {
  private readonly bytesPerMs: number;
  private readonly burst: number;
  private left: number;
  private filledMs: number | undefined;

  /** @param kbitPerSecond 0: as fast as it goes */
  constructor(
    kbitPerSecond: number,
    private readonly timers: Timers,
  ) {
    this.bytesPerMs = kbitPerSecond / 8;
    this.burst = this.bytesPerMs * BURST_MS;
    this.left = this.burst;
  }

  /** Takes bytes away. @returns milliseconds to wait before they go */
  take(bytes: number): number {
    if (this.bytesPerMs === 0) return 0;
    const nowMs = this.timers.monotonicMs();
    this.left = Math.min(this.burst, this.left + (nowMs - (this.filledMs ?? nowMs)) * this.bytesPerMs);
    this.filledMs = nowMs;
    this.left -= bytes;
    return this.left >= 0 ? 0 : Math.ceil(-this.left / this.bytesPerMs);
  }
}
