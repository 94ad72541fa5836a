import type { Timers } from "../../host/timers.ts";
import type { KeptEnd } from "./kept-end.ts";
import type { WireGuardStatus } from "./wireguard-dump.ts";

/** Each stirs a program or two: no faster than this. */
const FASTEST_MS = 150;
/** Nor slower: the other end counts what comes, and has no echo to wait for. */
const SLOWEST_MS = 4_000;
/** The pace of a kept end at which it is content: so that the other's stirring comes twice meanwhile. */
export const KEPT_PACE_MS = 10_000;
/** How old what was counted may be, which is all that is known of the round trip. */
const COUNTED_RTT_MS = 250;

export interface CountingProberOptions {
  end: Pick<KeptEnd, "stir">;
  timers: Timers;
  /** Something came from the other end, which has heard this one before. */
  onReply(rttMs: number): void;
  /** What WireGuard was found to know, as often as it was stirred. */
  onSeen(status: WireGuardStatus): void;
}

/**
 * Proves that a tunnel carries where no echo may pass it: both ends send WireGuard's own keepalives, and count what they
 * receive. Only what is authentic is counted, and a handshake stands as done only when both have heard the other
 * (wireguard.com/papers/wireguard.pdf, 5.4 and 6.1). Of two ends one of which hears nothing, that one looks for another
 * way, and WireGuard has the other follow it.
 */
export class CountingProber {
  private intervalMs = 0;
  private received: number | undefined;
  private isAsking = false;
  /** It was sped up while it asked, perhaps because the end was pointed elsewhere. */
  private isHurried = false;
  private callOff = () => {};
  private asked: Promise<void> = Promise.resolve();

  constructor(private readonly options: CountingProberOptions) {}

  /** As of {@link TunnelProber}. */
  pace(intervalMs: number): void {
    this.callOff();
    this.intervalMs = intervalMs;
    if (intervalMs === 0) return;
    if (this.isAsking) this.isHurried = true;
    else this.asked = this.ask();
  }

  async stop(): Promise<void> {
    this.pace(0);
    await this.asked;
  }

  private async ask(): Promise<void> {
    this.isAsking = true;
    this.isHurried = false;
    const status = await this.options.end.stir().catch(() => undefined);
    this.isAsking = false;
    if (this.intervalMs === 0) return;
    this.take(status);
    if (status) this.options.onSeen(status);
    const waitMs = Math.min(SLOWEST_MS, Math.max(FASTEST_MS, this.intervalMs));
    this.callOff = this.options.timers.after(this.isHurried ? 0 : waitMs, () => {
      this.asked = this.ask();
    });
  }

  private take(status: WireGuardStatus | undefined): void {
    const { receivedBytes = 0, handshakeAt = 0 } = status?.peer ?? {};
    // A peer that was made anew counts from nothing.
    const before = Math.min(this.received ?? receivedBytes, receivedBytes);
    const isAnew = this.received !== undefined && receivedBytes < this.received;
    this.received = receivedBytes;
    if (handshakeAt > 0 && receivedBytes > (isAnew ? 0 : before)) this.options.onReply(COUNTED_RTT_MS);
  }
}
