import type { Timers } from "../../host/timers.ts";

/** Refusals that are told at once, and how soon another may be told after that. */
const BURST = 20;
const EVERY_MS = 1_000;

/** Lets so many refusals through that a flood of strangers does not become a flood of events. */
export class Refusals {
  private left = BURST;
  private filledMs: number | undefined;
  private untold = 0;

  constructor(
    private readonly timers: Timers,
    private readonly tell: (remote: string, why: string) => void,
  ) {}

  /** The next that is told says how many were not. */
  refused(remote: string, why: string): void {
    const nowMs = this.timers.monotonicMs();
    const filledMs = this.filledMs ?? nowMs;
    const gained = Math.floor((nowMs - filledMs) / EVERY_MS);
    this.left = Math.min(BURST, this.left + gained);
    this.filledMs = filledMs + gained * EVERY_MS;
    if (this.left === 0) {
      this.untold += 1;
      return;
    }
    this.left -= 1;
    const others = this.untold;
    this.untold = 0;
    this.tell(remote, others > 0 ? `${why} (and ${others} more)` : why);
  }
}
