import type { NodeId } from "../radio.ts";
import {
  allowedMs,
  LimitWindow,
  type Planned,
  ROUNDING_MS,
  roomBesideMs,
  type Use,
} from "./airtime-forecast.ts";
import type { FirmwareAirtime } from "./firmware-airtime.ts";
import type { AirtimeLimit, SubBand } from "./regions.ts";

/** Airtime that is set apart on the medium before any of it is used, so that no restart makes it free again. */
export interface Reservation {
  subBand: string;
  /** When it was set apart, in ms on the ledger's clock. */
  atMs: number;
  airtimeMs: number;
  /** The machine was switched off since; default false. */
  isOfEarlierBoot?: boolean;
}

/** What is known of one transmission or several: they were on the air between these moments. */
export interface Span {
  afterMs: number;
  endMs: number;
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

/** A transmission in the ledger, for what turns out afterwards. */
export interface Recorded {
  /** It left the antenna at this moment: a radio may wait with what it was given. Earlier than written down is nothing. */
  endedAt(endMs: number): void;
  /** The radio has sent none of it, and will not: its airtime is free again. Once. */
  takeBack(): void;
}

/** A reservation is this share of what a window allows: few writes, and little lost with a power cut. */
const RESERVED_SHARE = 0.02;

/** So long after a daemon has ended its radio may still send what it was given last. */
const UNKNOWN_END_MS = 30_000;

/**
 * What was sent in one sub-band, and when more may be. In no window of a limit's length is more on the air than the
 * limit; what lies across a window's edge counts by the part inside. A new transmission only has to fit into the window
 * that ends with it: any that ends earlier holds less of it, any that ends later less of the past, and what comes after
 * it is measured itself. A transmission is written down when the radio is given it, which is not after it begins, and
 * its end is put off when it turns out to be later ({@link Recorded.endedAt}): windows then hold at most what is counted.
 * Where transmissions overlap, those of several radios, they count as if one had followed the other: of what is sent one
 * after another never less is still to come than of what is sent side by side.
 */
export class AirtimeLedger {
  /** In the order in which they were made, each beginning when the one before has ended or later. */
  private uses: Use[] = [];
  /** Uses before this index lie behind every window. */
  private head = 0;
  /** What earlier runs have set apart, and no radio's own count has been found to hold. */
  private readonly unclaimed: Span[];
  /** By radios that count what they send themselves, under their own names. */
  readonly countedBy = new Map<NodeId, FirmwareAirtime>();
  private reservedMs = 0;
  /** How many have been made. */
  private reservations = 0;
  private readonly longestWindowMs: number;
  private readonly reservationMs: number;
  private lastEndMs = Number.NEGATIVE_INFINITY;
  private reserving: { wantedMs: number; waiting: (() => void)[] } | undefined;

  constructor(private readonly options: LedgerOptions) {
    const { limits } = options.subBand;
    this.longestWindowMs = Math.max(0, ...limits.map(({ windowMs }) => windowMs));
    this.reservationMs = Math.min(...limits.map(({ airtimeMs }) => airtimeMs)) * RESERVED_SHARE;
    this.uses = endedAtTheLatest(options.earlier ?? [], options.nowMs);
    // A radio that has its power from the box counts anew after a boot: what was before is in no count.
    this.unclaimed = (options.earlier ?? [])
      .filter(({ isOfEarlierBoot }) => !isOfEarlierBoot)
      .map(({ atMs, airtimeMs }) => ({ afterMs: atMs, endMs: atMs, airtimeMs }));
  }

  get subBand(): SubBand {
    return this.options.subBand;
  }

  /** Whether a transmission of this length can ever be made with this share of the airtime. */
  canEver(airtimeMs: number, share = 1): boolean {
    const { longestMs, limits } = this.subBand;
    if (longestMs !== undefined && airtimeMs > longestMs) return false;
    return limits.every((limit) => airtimeMs <= allowedMs(limit, share));
  }

  /** Milliseconds on the air in the window of a limit that ends now. */
  usedMs({ windowMs }: AirtimeLimit, nowMs: number): number {
    let sum = 0;
    for (let index = this.uses.length - 1; index >= this.head; index -= 1) {
      const use = this.uses[index];
      if (!use || use.endMs <= nowMs - windowMs) break;
      sum += Math.min(use.airtimeMs, use.endMs - (nowMs - windowMs));
    }
    return sum;
  }

  /** How much may be sent from now on without a pause, in ms; Infinity where there is no limit. */
  roomMs(nowMs: number, share = 1): number {
    const rooms = this.subBand.limits.map((limit) => allowedMs(limit, share) - this.usedMs(limit, nowMs));
    return Math.max(0, Math.min(...rooms));
  }

  /**
   * The earliest moment at which a transmission of this length may start, at or after `fromMs`.
   * @param share of what each limit of long windows allows, 0 to 1
   * @returns Infinity where it never may
   */
  earliestStartMs(airtimeMs: number, fromMs: number, share = 1): number {
    if (!this.canEver(airtimeMs, share)) return Number.POSITIVE_INFINITY;
    const planned = { airtimeMs, share };
    let startMs = Math.max(fromMs, this.lastEndMs + (this.subBand.pauseMs ?? Number.NEGATIVE_INFINITY));
    for (const limit of this.subBand.limits) {
      startMs = Math.max(startMs, this.earliestIn(limit, planned, fromMs));
    }
    return startMs;
  }

  /**
   * When the last of these would have left, were they sent in this order from `fromMs` on, each as early as it may; but
   * one that overtakes goes before what may not start until later than itself.
   * @returns Infinity where one of them never may
   */
  forecastEndMs(queue: Iterable<Planned>, fromMs: number): number {
    const uses = this.uses.slice(this.head);
    const windows = this.subBand.limits.map((limit) => new LimitWindow(limit, uses));
    const { pauseMs = Number.NEGATIVE_INFINITY } = this.subBand;
    let endMs = fromMs;
    let lastEndMs = this.lastEndMs;
    const left = [...queue];
    if (left.some(({ airtimeMs, share }) => !this.canEver(airtimeMs, share))) return Number.POSITIVE_INFINITY;
    const last = left.at(-1);
    let overtaking = left.filter(({ overtakes }) => overtakes).length;
    const startOf = (planned: Planned, of: readonly LimitWindow[]) =>
      of.reduce(
        (startMs, window) => window.earliestStartMs(planned, startMs),
        Math.max(endMs, lastEndMs + pauseMs),
      );
    const looksAt = (planned: Planned) =>
      startOf(
        planned,
        windows.map((window) => window.copy()),
      );
    for (let planned = left[0]; planned; planned = left[0]) {
      const other = overtaking > 0 ? left.find(({ overtakes }) => overtakes) : undefined;
      if (other && other !== planned && looksAt(other) < looksAt(planned)) planned = other;
      left.splice(left.indexOf(planned), 1);
      if (planned.overtakes) overtaking -= 1;
      const startMs = startOf(planned, windows);
      endMs = startMs + planned.airtimeMs;
      if (planned === last) break;
      lastEndMs = endMs;
      const { airtimeMs } = planned;
      const use = { endMs: Math.max(startMs, uses.at(-1)?.endMs ?? startMs) + airtimeMs, airtimeMs };
      uses.push(use);
      for (const window of windows) window.added(use);
    }
    return endMs;
  }

  /**
   * What a radio has sent of its own accord, up to now, is written down. It counts at once, and on the medium as soon as
   * may be.
   */
  book(airtimeMs: number, nowMs: number): void {
    this.note(nowMs - airtimeMs, airtimeMs);
    if (this.subBand.limits.length === 0) return;
    const settle = () => {
      if (this.ensure(airtimeMs, nowMs, settle)) this.reservedMs -= airtimeMs;
    };
    settle();
  }

  /**
   * Of what earlier runs of the daemon have set apart since the machine was switched on and after a moment, so much as is
   * no other radio's: of each reservation the same part, for whose it was is not known, as if used as soon as it was made.
   */
  claimEarlier(airtimeMs: number, afterMs: number): Span[] {
    const some = this.unclaimed.filter(({ endMs }) => endMs > afterMs);
    const part = Math.min(1, Math.max(0, airtimeMs) / some.reduce((sum, span) => sum + span.airtimeMs, 0));
    if (!(part > 0)) return [];
    return some.map((span) => {
      const claimed = { ...span, airtimeMs: span.airtimeMs * part };
      span.airtimeMs -= claimed.airtimeMs;
      return claimed;
    });
  }

  /** A transmission that begins now is written down. Its airtime was made durable by {@link ensure}. */
  record(startMs: number, airtimeMs: number): Recorded {
    const lastEndMs = this.lastEndMs;
    const ownEndMs = startMs + airtimeMs;
    const use = this.note(startMs, airtimeMs);
    const usedUpMs = Math.min(this.reservedMs, airtimeMs);
    const { reservations } = this;
    this.reservedMs -= usedUpMs;
    return {
      endedAt: (endMs) => this.putOff(use, endMs),
      takeBack: () => {
        const index = this.uses.lastIndexOf(use);
        if (index >= 0) this.uses.splice(index, 1);
        if (index >= 0 && index < this.head) this.head -= 1;
        // Of a reservation that has lapsed since, nothing comes back.
        if (this.reservations === reservations) this.reservedMs += usedUpMs;
        if (this.lastEndMs === ownEndMs) this.lastEndMs = lastEndMs;
      },
    };
  }

  /**
   * Sees to it that so much airtime is set apart on the medium.
   * @returns true when it is already; otherwise `then` is called once when more has been
   */
  ensure(airtimeMs: number, nowMs: number, then: () => void): boolean {
    if (this.subBand.limits.length === 0 || this.reservedMs >= airtimeMs) return true;
    if (this.reserving) {
      this.reserving.waiting.push(then);
      return false;
    }
    const reservedMs = Math.max(airtimeMs, this.reservationMs);
    const reserving = { wantedMs: reservedMs, waiting: [then] };
    this.reserving = reserving;
    this.options.reserve({ subBand: this.subBand.name, atMs: nowMs, airtimeMs: reservedMs }, () => {
      this.reserving = undefined;
      // What was left of the one before lapses: after a restart that one counts as used before this one was made.
      this.reservedMs = reserving.wantedMs;
      this.reservations += 1;
      for (const call of reserving.waiting) call();
    });
    return false;
  }

  private note(startMs: number, airtimeMs: number): Use {
    const use = { endMs: Math.max(startMs, this.uses.at(-1)?.endMs ?? startMs) + airtimeMs, airtimeMs };
    this.lastEndMs = Math.max(this.lastEndMs, startMs + airtimeMs);
    if (this.subBand.limits.length > 0) {
      this.uses.push(use);
      this.forgetBefore(startMs - this.longestWindowMs);
    }
    return use;
  }

  private earliestIn(limit: AirtimeLimit, planned: Planned, fromMs: number): number {
    const beforeMs = limit.windowMs - planned.airtimeMs;
    let roomMs = roomBesideMs(limit, planned);
    // From the newest back: what still fits beside the new one may stay in its window, the rest must have left it.
    for (let index = this.uses.length - 1; index >= this.head; index -= 1) {
      const use = this.uses[index];
      if (!use || use.endMs <= fromMs - beforeMs) break;
      if (use.airtimeMs > roomMs) return use.endMs - roomMs + beforeMs + ROUNDING_MS;
      roomMs -= use.airtimeMs;
    }
    return fromMs;
  }

  /** What follows it follows it still. */
  private putOff(use: Use, endMs: number): void {
    this.lastEndMs = Math.max(this.lastEndMs, endMs);
    const from = this.uses.lastIndexOf(use);
    if (from < 0 || endMs <= use.endMs) return;
    let beforeMs = endMs - use.airtimeMs;
    for (const other of this.uses.slice(from)) {
      other.endMs = Math.max(other.endMs, beforeMs + other.airtimeMs);
      beforeMs = other.endMs;
    }
  }

  private forgetBefore(ms: number): void {
    while ((this.uses[this.head]?.endMs ?? Number.POSITIVE_INFINITY) <= ms) this.head += 1;
    if (this.head > 1_024 && this.head * 2 > this.uses.length) {
      this.uses = this.uses.slice(this.head);
      this.head = 0;
    }
  }
}

/**
 * Of an earlier run it is known when airtime was set apart, not when it was used: at the latest when the next was set
 * apart, but for a frame that the radio held while the daemon ended and began anew.
 */
function endedAtTheLatest(earlier: readonly Reservation[], nowMs: number): Use[] {
  let lastEndMs = Number.NEGATIVE_INFINITY;
  return earlier.map(({ airtimeMs }, index) => {
    const endMs = Math.min(nowMs, earlier[index + 1]?.atMs ?? nowMs) + UNKNOWN_END_MS;
    lastEndMs = Math.max(endMs, lastEndMs + airtimeMs);
    return { endMs: lastEndMs, airtimeMs };
  });
}
