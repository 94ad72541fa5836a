import type { NodeId } from "../radio.ts";
import type { AirtimeLedger, Span } from "./airtime-ledger.ts";

const HOUR_MS = 3_600_000;

/** Firmware rounds its share; what is less than this is no transmission. */
const SHORTEST_MS = 50;
/** Firmware counts an hour by the minute, and what it tells may be some minutes old: no count is surer than this. */
const SLACK_MS = 120_000;
/** Of what must be in its count a firmware that has not begun anew has so much; the host's reckoning is not exact. */
const SURE_SHARE = 0.75;

/** @returns milliseconds of the hour that ends now */
const inHour = (all: readonly Span[], nowMs: number): number =>
  all.reduce((sum, { airtimeMs, endMs }) => sum + Math.min(airtimeMs, endMs - nowMs + HOUR_MS), 0);

/**
 * One radio's own count of the last hour beside the ledger, which has what every radio of the box sends. What the
 * firmware reports beyond what the ledger has of this very radio, it has sent of its own accord: packets that it repeated
 * for others, acknowledgements, announcements. A firmware that reports less than it surely was given has begun to count
 * anew, and nothing that was before is in its count.
 */
export class FirmwareAirtime {
  /** Airtime in the ledger that the radio counts too. */
  private known: Span[] = [];
  private reportedAtMs = Number.NEGATIVE_INFINITY;
  private lastShare: number | undefined;

  constructor(private readonly ledger: AirtimeLedger) {}

  /** The same radio's is the same on every carrier: it goes on counting while the box does not hear it. */
  static of(ledger: AirtimeLedger, self: NodeId | undefined): FirmwareAirtime {
    const known = self === undefined ? undefined : ledger.countedBy.get(self);
    const made = known ?? new FirmwareAirtime(ledger);
    if (self !== undefined) ledger.countedBy.set(self, made);
    return made;
  }

  /** What the box gave the radio has been on the air, and is in the ledger. */
  sent(airtimeMs: number, endMs: number): void {
    if (!this.hasHour) return;
    this.known.push({ afterMs: endMs - airtimeMs - SLACK_MS, endMs, airtimeMs });
    // Some firmware never reports.
    while ((this.known[0]?.endMs ?? endMs) <= endMs - HOUR_MS) this.known.shift();
  }

  /**
   * Books what is not in the ledger yet.
   * @param share of the last hour, 0 to 1; undefined where the firmware does not tell
   */
  reports(share: number | undefined, nowMs: number): void {
    if (!this.hasHour || share === undefined) return;
    // The same again is an old report, but that a firmware may have begun anew twice.
    if (share === this.lastShare && share > 0) return;
    const reportedMs = Math.min(Math.max(share, 0), 1) * HOUR_MS;
    this.known = this.known.filter(({ endMs }) => endMs > nowMs - HOUR_MS);
    if (this.lastShare === undefined) {
      // An earlier run of the daemon has written down what it gave this radio, not that it was this one.
      this.known.push(...this.ledger.claimEarlier(reportedMs - inHour(this.known, nowMs), nowMs - HOUR_MS));
    }
    this.lastShare = share;
    const hasBegunAnew = reportedMs < this.leastMs(nowMs);
    if (hasBegunAnew) this.known = [];
    const airtimeMs = reportedMs - inHour(this.known, nowMs);
    if (airtimeMs >= SHORTEST_MS) {
      this.ledger.book(airtimeMs, nowMs);
      const afterMs = hasBegunAnew ? Number.NEGATIVE_INFINITY : this.reportedAtMs - SLACK_MS;
      this.known.push({ afterMs, endMs: nowMs, airtimeMs });
    }
    this.reportedAtMs = nowMs;
  }

  private get hasHour(): boolean {
    return this.ledger.subBand.limits.some(({ windowMs }) => windowMs === HOUR_MS);
  }

  /** What must be in the firmware's count, unless it has begun anew. */
  private leastMs(nowMs: number): number {
    // No report is older than the one before.
    const countedMs = Math.max(nowMs - SLACK_MS, this.reportedAtMs);
    const sure = this.known.filter(
      ({ afterMs, endMs }) => afterMs > nowMs - HOUR_MS + SLACK_MS && endMs <= countedMs,
    );
    return SURE_SHARE * inHour(sure, nowMs) - SHORTEST_MS;
  }
}
