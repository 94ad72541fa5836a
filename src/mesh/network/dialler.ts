import type { Timers } from "../../host/timers.ts";
import type { PeerId } from "../engine/engine-interface.ts";

const FIRST_WAIT_MS = 500;
const GROWTH = 1.6;
/** Never given up: a box that comes back after days is tried within half a minute. */
const LONGEST_WAIT_MS = 30_000;
const MOST_AT_ONCE = 8;

interface Attempts {
  failures: number;
  notBeforeMs: number;
  isRunning: boolean;
}

export interface DiallerOptions {
  timers: Timers;
  random: () => number;
  /** Tries once. @returns whether the peer is connected now */
  dial: (peer: PeerId) => Promise<boolean>;
}

/** Tries to reach the peers that are wanted and not there, a few at once, each with growing waits, for ever. */
export class Dialler {
  private wanted = new Set<PeerId>();
  private readonly attempts = new Map<PeerId, Attempts>();
  private running = 0;
  private isStopped = false;
  private callOff: () => void = () => {};

  constructor(private readonly options: DiallerOptions) {}

  /** Whom to reach: wanted, and not connected. Others are not tried any more. */
  want(peers: Iterable<PeerId>): void {
    this.wanted = new Set(peers);
    for (const peer of this.attempts.keys()) if (!this.wanted.has(peer)) this.attempts.delete(peer);
    this.step();
  }

  /** Something has changed for the better: an address, an interface, a sighting. Without a peer, for all. */
  retryNow(peer?: PeerId): void {
    for (const [name, attempts] of this.attempts) {
      if (peer !== undefined && name !== peer) continue;
      attempts.failures = Math.min(attempts.failures, 1);
      attempts.notBeforeMs = 0;
    }
    this.step();
  }

  stop(): void {
    this.isStopped = true;
    this.callOff();
    this.wanted.clear();
  }

  private step(): void {
    if (this.isStopped) return;
    this.callOff();
    const nowMs = this.options.timers.monotonicMs();
    let nextMs = Number.POSITIVE_INFINITY;
    for (const peer of this.wanted) {
      const attempts = this.attempts.get(peer) ?? { failures: 0, notBeforeMs: 0, isRunning: false };
      this.attempts.set(peer, attempts);
      if (attempts.isRunning) continue;
      if (attempts.notBeforeMs > nowMs) nextMs = Math.min(nextMs, attempts.notBeforeMs);
      else if (this.running < MOST_AT_ONCE) void this.try(peer, attempts);
    }
    if (Number.isFinite(nextMs))
      this.callOff = this.options.timers.after(Math.max(1, nextMs - nowMs), () => this.step());
  }

  private async try(peer: PeerId, attempts: Attempts): Promise<void> {
    const { timers, random, dial } = this.options;
    attempts.isRunning = true;
    this.running += 1;
    const isThere = await dial(peer).catch(() => false);
    this.running -= 1;
    attempts.isRunning = false;
    attempts.failures = isThere ? 0 : attempts.failures + 1;
    const waitMs = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * GROWTH ** attempts.failures);
    // Spread, so that boxes that lost each other at once do not all come at once.
    attempts.notBeforeMs = timers.monotonicMs() + waitMs * (0.75 + random() / 2);
    this.step();
  }
}
