import type { GuestDecision } from "../gateway.ts";

/** As many as a box may have sessions; of more the oldest are forgotten. */
const MAX_REMEMBERED = 16_384;

/** What owners have decided at this box since it started, the latest of each: for networks that did not run just then. */
export class LatestDecisions {
  private readonly byMac = new Map<string, { decision: GuestDecision; atMs: number }>();

  /** @param nowMs the monotonic clock */
  constructor(
    private readonly nowMs: () => number,
    private readonly most = MAX_REMEMBERED,
  ) {}

  note(decision: GuestDecision): void {
    this.byMac.delete(decision.mac);
    this.byMac.set(decision.mac, { decision, atMs: this.nowMs() });
    for (const oldest of this.byMac.keys()) {
      if (this.byMac.size <= this.most) return;
      this.byMac.delete(oldest);
    }
  }

  /** Those of that moment and later, on the monotonic clock in ms, the oldest first. */
  since(ms: number): GuestDecision[] {
    return [...this.byMac.values()].filter(({ atMs }) => atMs >= ms).map(({ decision }) => decision);
  }
}
