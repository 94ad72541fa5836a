import type { BundleId } from "../bundle/bundle.ts";
import type { RefusalReason } from "../custody/custody.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
/** For how long a refusal is likely to hold: bytes do not get better, room may be made, certificates may come. */
const HOLDS_MS: Record<RefusalReason, number> = {
  malformed: 24 * HOUR_MS,
  expired: 24 * HOUR_MS,
  blocked: HOUR_MS,
  quota: 10 * MINUTE_MS,
  full: 10 * MINUTE_MS,
  "not-allowed": 10 * MINUTE_MS,
};
const MAX_REMEMBERED = 8_192;

/** What was refused between two boxes, so that it is not tried again and again. */
export class RefusalMemory {
  /** The longest remembered first. */
  private readonly untilMs = new Map<BundleId, number>();

  constructor(private readonly monotonicMs: () => number) {}

  note(id: BundleId, reason: RefusalReason): void {
    this.untilMs.delete(id);
    this.untilMs.set(id, this.monotonicMs() + HOLDS_MS[reason]);
    for (const oldest of this.untilMs.keys()) {
      if (this.untilMs.size <= MAX_REMEMBERED) break;
      this.untilMs.delete(oldest);
    }
  }

  has(id: BundleId): boolean {
    const untilMs = this.untilMs.get(id);
    if (untilMs === undefined) return false;
    if (untilMs > this.monotonicMs()) return true;
    this.untilMs.delete(id);
    return false;
  }
}
