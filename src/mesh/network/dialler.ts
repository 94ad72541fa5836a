import type { Timers } from "../../host/timers.ts";
import type { PeerId } from "../engine/engine-interface.ts";

const FIRST_WAIT_MS = 500;
const GROWTH = 1.6;
/** Never given up: a box that comes back after days is tried within half a minute. */
const LONGEST_WAIT_MS = 30_000;
const MOST_AT_ONCE = 8;
/** Handshakes are what costs, here and there: with more at once, each only takes longer, until all are given up. */
const MOST_HANDSHAKES = 3;
/** So long one that has answered keeps others from being called; it may be tried by relays after that. */
const HANDSHAKE_MS = 3_000;
/** Between two beginnings: whether somebody answers is known by then, where he is near. */
const GAP_MS = 40;

interface Attempts {
  failures: number;
  notBeforeMs: number;
  state: "waiting" | "calling" | "answered";
}

export interface DiallerOptions {
  timers: Timers;
  random: () => number;
  /** How long a peer that is wanted anew is left the chance to call by itself. Default: 0 */
  headStartMs?: (peer: PeerId) => number;
  /** Tries once. @param answered to be called when only handshakes are left @returns whether the peer is connected now */
  dial: (peer: PeerId, answered: () => void) => Promise<boolean>;
}

/** Tries to reach the peers that are wanted and not there, a few at once, each with growing waits, for ever. */
export class Dialler {
  private wanted = new Set<PeerId>();
  private readonly attempts = new Map<PeerId, Attempts>();
  /** Also those that are not wanted any more. */
  private readonly running = new Set<Attempts>();
  private begunMs = Number.NEGATIVE_INFINITY;
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
      // One that was not tried yet has its head start.
      if (attempts.failures === 0) continue;
      attempts.failures = 1;
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
    const waiting = [...this.wanted].flatMap((peer) => {
      const attempts = this.attemptsFor(peer, nowMs);
      return attempts.state === "waiting" ? [{ peer, attempts }] : [];
    });
    // Whoever has waited longest: one that answers and fails at once must not come before those behind it again and again.
    const [next] = waiting.sort((a, b) => a.attempts.notBeforeMs - b.attempts.notBeforeMs);
    if (!next) return;
    const fromMs = Math.max(next.attempts.notBeforeMs, this.begunMs + GAP_MS);
    if (fromMs > nowMs) this.callOff = this.options.timers.after(fromMs - nowMs, () => this.step());
    else if (this.hasRoom()) {
      void this.try(next.peer, next.attempts);
      this.step();
    }
  }

  private attemptsFor(peer: PeerId, nowMs: number): Attempts {
    const known = this.attempts.get(peer);
    if (known) return known;
    const notBeforeMs = nowMs + (this.options.headStartMs?.(peer) ?? 0);
    const attempts: Attempts = { failures: 0, notBeforeMs, state: "waiting" };
    this.attempts.set(peer, attempts);
    return attempts;
  }

  /** Whether one more may be begun; whoever ends looks again. */
  private hasRoom(): boolean {
    const handshakes = [...this.running].filter(({ state }) => state === "answered").length;
    return this.running.size < MOST_AT_ONCE && handshakes < MOST_HANDSHAKES;
  }

  private async try(peer: PeerId, attempts: Attempts): Promise<void> {
    const { timers, random, dial } = this.options;
    attempts.state = "calling";
    this.running.add(attempts);
    this.begunMs = timers.monotonicMs();
    let callOff = () => {};
    const answered = () => {
      if (attempts.state !== "calling") return;
      attempts.state = "answered";
      callOff = timers.after(HANDSHAKE_MS, () => {
        attempts.state = "calling";
        this.step();
      });
    };
    const isThere = await dial(peer, answered).catch(() => false);
    callOff();
    this.running.delete(attempts);
    attempts.state = "waiting";
    attempts.failures = isThere ? 0 : attempts.failures + 1;
    const waitMs = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * GROWTH ** attempts.failures);
    // Spread, so that boxes that lost each other at once do not all come at once.
    attempts.notBeforeMs = timers.monotonicMs() + waitMs * (0.75 + random() / 2);
    this.step();
  }
}
