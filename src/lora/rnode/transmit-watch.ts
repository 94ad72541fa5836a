import type { Timers } from "../../host/timers.ts";
import type { Readings } from "./readings.ts";

/** The firmware's own short airtime is a share of two bins of 7.5 s (RNode_Firmware, Config.h and update_airtime). */
const OWN_SHORT_WINDOW_MS = 15_000;
/** So much of a packet's airtime is taken for all of it: the firmware counts a little less than the datasheet does. */
const ENOUGH = 0.6;
/** The deafness of shorter packets could also come from the line. */
const LONG_ENOUGH_MS = 150;
const POLLS_PER_PACKET = 5;
const LONGEST_POLL_MS = 200;
/** How long the host and the line may take beside what the firmware waits. */
const MARGIN_MS = 300;
/** A channel that others use more than this makes the firmware wait longer. */
const BUSY_SHARE = 0.01;
/** A packet may take longer by half of what it takes on a free channel, so many times. */
const MOST_EXTENSIONS = 12;
/** The same for a packet too short to be deaf for, when older airtime has gone out of the window meanwhile and may hide it. */
const MOST_EXTENSIONS_IF_HIDDEN = 3;
/** Until the firmware says: its shortest slot, and the last slot of its shortest contention window (Config.h). */
const DEFAULT_TIMING = { slotMs: 24, quietMs: 48 };
const DEFAULT_LAST_SLOT = 14;
/**
 * The most that the firmware has of each (Config.h: CSMA_SLOT_MAX_MS, two slots of quiet, four contention windows of 15
 * slots): what says more is noise on the line.
 */
const MOST = { slotMs: 100, quietMs: 200, lastSlot: 59 };

export type Evidence = "airtime" | "deaf" | "ready" | "time";

export interface TransmitWatchOptions {
  timers: Timers;
  readings: Readings;
  /** Asks the firmware whether it is ready. */
  poll: () => void;
  /** The packet has left the antenna. */
  sent: (evidence: Evidence) => void;
}

/**
 * Finds out when the packet that the firmware holds has left the antenna, which no firmware since 1.52 says outright.
 * Three things give it away: right after sending, the firmware reports more airtime of its own; while it sends it is
 * deaf, so that a question is answered late; and firmware with flow control says unasked that it is ready. The first can
 * be hidden by older airtime that goes out of its window at that moment, and is missing on AVR boards; the second is too
 * short at high rates to be told from a slow host. Where all fail, the longest time that it can have taken decides.
 */
export class TransmitWatch {
  private airtimeMs = 0;
  private watching = false;
  private ownShort = 0;
  private mayBeHidden = false;
  private isAsked = false;
  /** How often it was time to ask again, and the answer to the last question had not come. */
  private unanswered = 0;
  /** Answers still to come to what was asked for earlier packets. */
  private stale = 0;
  private extensions = 0;
  private stopPolls: () => void = () => {};
  private stopDeadline: () => void = () => {};

  constructor(private readonly options: TransmitWatchOptions) {}

  /** A packet of this airtime was handed to the firmware, which holds no other. */
  begin(airtimeMs: number): void {
    this.airtimeMs = airtimeMs;
    this.watching = true;
    this.extensions = 0;
    this.mayBeHidden = false;
    if (airtimeMs >= LONG_ENOUGH_MS) this.poll();
    this.waitFor(this.longestMs);
  }

  /** The packet is watched no more. */
  end(): void {
    if (this.isAsked) this.stale += 1;
    this.isAsked = false;
    this.watching = false;
    this.stopPolls();
    this.stopDeadline();
  }

  /** {@link Readings.channelTime} was told anew. */
  onChannelTime(): void {
    const ownShort = this.options.readings.channelTime?.ownShort ?? 0;
    const riseMs = (ownShort - this.ownShort) * OWN_SHORT_WINDOW_MS;
    this.ownShort = ownShort;
    if (riseMs < 0) this.mayBeHidden = true;
    if (this.watching && riseMs >= this.airtimeMs * ENOUGH) this.conclude("airtime");
  }

  onReady(hasRoom: boolean): void {
    if (this.stale > 0) {
      this.stale -= 1;
      return;
    }
    const wasAsked = this.isAsked;
    this.isAsked = false;
    if (!this.watching) return;
    if (!wasAsked) {
      if (hasRoom) this.conclude("ready");
      return;
    }
    if (this.unanswered * this.pollMs >= this.airtimeMs * ENOUGH) this.conclude("deaf");
  }

  /** What a packet takes at most on a free channel. */
  private get longestMs(): number {
    const { phyTiming = DEFAULT_TIMING, lastSlot = DEFAULT_LAST_SLOT } = this.options.readings;
    const slotMs = Math.min(phyTiming.slotMs, MOST.slotMs);
    const quietMs = Math.min(phyTiming.quietMs, MOST.quietMs);
    return this.airtimeMs + 2 * quietMs + Math.min(lastSlot, MOST.lastSlot) * slotMs + MARGIN_MS;
  }

  private get isChannelBusy(): boolean {
    const { channelTime } = this.options.readings;
    return channelTime !== undefined && channelTime.useShort - channelTime.ownShort > BUSY_SHARE;
  }

  private get pollMs(): number {
    return Math.min(this.airtimeMs / POLLS_PER_PACKET, LONGEST_POLL_MS);
  }

  /** A host that is slow itself asks late too: so it is counted how often it asked, and not how long it took. */
  private poll(): void {
    if (this.isAsked) {
      this.unanswered += 1;
    } else {
      this.isAsked = true;
      this.unanswered = 0;
      this.options.poll();
    }
    this.stopPolls = this.options.timers.after(this.pollMs, () => this.poll());
  }

  private waitFor(ms: number): void {
    this.stopDeadline = this.options.timers.after(ms, () => {
      // Deaf to a question, it is sending just now.
      const mayWait = this.isChannelBusy || this.isAsked;
      const most =
        this.mayBeHidden && this.airtimeMs < LONG_ENOUGH_MS ? MOST_EXTENSIONS_IF_HIDDEN : MOST_EXTENSIONS;
      if (mayWait && this.extensions < most) {
        this.extensions += 1;
        this.waitFor(this.longestMs / 2);
        return;
      }
      this.conclude("time");
      // An answer that has not come by now was lost.
      this.stale = 0;
    });
  }

  private conclude(evidence: Evidence): void {
    this.end();
    this.options.sent(evidence);
  }
}
