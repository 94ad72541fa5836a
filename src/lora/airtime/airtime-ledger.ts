import type { AirtimeLimit, SubBand } from "./regions.ts";

/** Airtime that is set apart on the medium before any of it is used, so that no restart makes it free again. */
export interface Reservation {
  subBand: string;
  /** When it was set apart, in ms on the ledger's clock. */
  atMs: number;
  airtimeMs: number;
}

export interface LedgerOptions {
  subBand: SubBand;
  /** What earlier runs have set apart, oldest first, on the clock that `record` and the others are called with. */
  earlier?: readonly Reservation[];
  /** Called before any airtime of a new reservation may be used; `kept` when it is on the medium. */
  reserve: (reservation: Reservation, kept: () => void) => void;
  nowMs: number;
}

interface Use {
  /** When the transmission has ended, or will have. */
  endMs: number;
  airtimeMs: number;
}

/** A reservation is this share of what a window allows: few writes, and little lost with a power cut. */
const RESERVED_SHARE = 0.02;

/**
 * What was sent in one sub-band, and when more may be. In no window of a limit's length is more on the air than the limit:
 * a transmission starts only when all that ends within the window before its start, counted whole, leaves room for all
 * of it. (Any later window holds no more of the past, and no window more of the new one than its whole length.)
 */
export class AirtimeLedger {
  /** By their end, which is the order in which they were made. */
  private uses: Use[] = [];
  /** Uses before this index lie behind every window. */
  private head = 0;
  private reservedMs = 0;
  private readonly longestWindowMs: number;
  private readonly reservationMs: number;
  private lastEndMs = Number.NEGATIVE_INFINITY;
  private reserving: { wantedMs: number; waiting: (() => void)[] } | undefined;

  constructor(private readonly options: LedgerOptions) {
    const { limits } = options.subBand;
    this.longestWindowMs = Math.max(0, ...limits.map(({ windowMs }) => windowMs));
    this.reservationMs = Math.min(...limits.map(({ airtimeMs }) => airtimeMs)) * RESERVED_SHARE;
    for (const use of endedAtTheLatest(options.earlier ?? [], options.nowMs)) this.uses.push(use);
  }

  get subBand(): SubBand {
    return this.options.subBand;
  }

  /** Whether a transmission of this length can ever be made with this share of the airtime. */
  canEver(airtimeMs: number, share = 1): boolean {
    const { longestMs, limits } = this.subBand;
    if (longestMs !== undefined && airtimeMs > longestMs) return false;
    return limits.every((limit) => airtimeMs <= limit.airtimeMs * share);
  }

  /** Milliseconds on the air in the window of a limit that ends now, transmissions at its edge counted whole. */
  usedMs({ windowMs }: AirtimeLimit, nowMs: number): number {
    let sum = 0;
    for (let index = this.uses.length - 1; index >= this.head; index -= 1) {
      const use = this.uses[index];
      if (!use || use.endMs <= nowMs - windowMs) break;
      sum += use.airtimeMs;
    }
    return sum;
  }

  /**
   * The earliest moment at which a transmission of this length may start, at or after `fromMs`.
   * @param share of what each limit allows, 0 to 1
   * @returns Infinity where it never may
   */
  earliestStartMs(airtimeMs: number, fromMs: number, share = 1): number {
    if (!this.canEver(airtimeMs, share)) return Number.POSITIVE_INFINITY;
    const pauseEndsMs = this.subBand.pauseMs === undefined ? fromMs : this.lastEndMs + this.subBand.pauseMs;
    let startMs = Math.max(fromMs, pauseEndsMs);
    for (const limit of this.subBand.limits)
      startMs = Math.max(startMs, this.earliestIn(limit, airtimeMs, fromMs, share));
    return startMs;
  }

  /** A transmission that begins now is written down. Its airtime was made durable by {@link ensure}. */
  record(startMs: number, airtimeMs: number): void {
    this.lastEndMs = Math.max(this.lastEndMs, startMs + airtimeMs);
    if (this.subBand.limits.length === 0) return;
    this.reservedMs = Math.max(0, this.reservedMs - airtimeMs);
    this.uses.push({ endMs: this.lastEndMs, airtimeMs });
    this.forgetBefore(startMs - this.longestWindowMs);
  }

  /**
   * Sees to it that so much airtime is set apart on the medium.
   * @returns true when it is already; otherwise `then` is called once when more has been
   */
  ensure(airtimeMs: number, nowMs: number, then: () => void): boolean {
    if (this.subBand.limits.length === 0) return true;
    if (this.reserving) {
      this.reserving.waiting.push(then);
      return false;
    }
    if (this.reservedMs >= airtimeMs) return true;
    const reservedMs = Math.max(airtimeMs, this.reservationMs);
    const reserving = { wantedMs: reservedMs, waiting: [then] };
    this.reserving = reserving;
    this.options.reserve({ subBand: this.subBand.name, atMs: nowMs, airtimeMs: reservedMs }, () => {
      this.reserving = undefined;
      // What was left of the one before is given up: of each it holds that nothing starts by it after the next.
      this.reservedMs = reserving.wantedMs;
      for (const call of reserving.waiting) call();
    });
    return false;
  }

  private earliestIn(
    { windowMs, airtimeMs: allowedMs }: AirtimeLimit,
    airtimeMs: number,
    fromMs: number,
    share: number,
  ): number {
    const roomMs = allowedMs * share - airtimeMs;
    let sum = 0;
    // From the newest back: what still fits beside the new one may stay in the window, the rest must have left it.
    for (let index = this.uses.length - 1; index >= this.head; index -= 1) {
      const use = this.uses[index];
      if (!use || use.endMs <= fromMs - windowMs) break;
      sum += use.airtimeMs;
      if (sum > roomMs) return use.endMs + windowMs;
    }
    return fromMs;
  }

  private forgetBefore(ms: number): void {
    while ((this.uses[this.head]?.endMs ?? Number.POSITIVE_INFINITY) <= ms) this.head += 1;
    if (this.head > 1_024 && this.head * 2 > this.uses.length) {
      this.uses = this.uses.slice(this.head);
      this.head = 0;
    }
  }
}

/** Two runs of the daemon may read the same clock so differently. */
const CLOCK_SLACK_MS = 20;

/**
 * Of an earlier run it is known when airtime was set apart, not when it was used: at the latest it began when the next
 * was set apart, and for the last one it ended just now.
 */
function endedAtTheLatest(earlier: readonly Reservation[], nowMs: number): Use[] {
  return earlier.map(({ airtimeMs }, index) => {
    const nextMs = earlier[index + 1]?.atMs ?? nowMs;
    return { endMs: Math.min(nowMs, nextMs + airtimeMs + CLOCK_SLACK_MS), airtimeMs };
  });
}
