import type { Timers } from "../../host/timers.ts";

/** How long a key that a peer did not answer to is passed over for it. */
const PASSED_OVER_MS = 60_000;
/** Peers of which failures are remembered; the longest unused are forgotten first. */
const MAX_PEERS = 512;

/**
 * Which of a network's shared keys to dial a peer with, while some have the next one already and others do not: the
 * newest that has not failed with this peer within a minute, and the newest of all when every one has.
 */
export class SharedKeyChoice {
  /** By peer, then by key in hex: when it failed. */
  private readonly failures = new Map<string, Map<string, number>>();

  constructor(
    private readonly keys: () => readonly Uint8Array[],
    private readonly timers: Timers,
  ) {}

  /** All keys that hold, the newest first: what an inbound connection may use. */
  all(): readonly Uint8Array[] {
    return this.keys();
  }

  /** @returns undefined when the network has no shared key */
  pick(peer: string): Uint8Array | undefined {
    const keys = this.keys();
    const failed = this.failures.get(peer);
    if (failed === undefined) return keys[0];
    const soonest = this.timers.monotonicMs() - PASSED_OVER_MS;
    return keys.find((key) => (failed.get(hex(key)) ?? Number.NEGATIVE_INFINITY) < soonest) ?? keys[0];
  }

  failed(peer: string, key: Uint8Array): void {
    const failed = this.failures.get(peer) ?? new Map<string, number>();
    failed.set(hex(key), this.timers.monotonicMs());
    this.failures.delete(peer);
    this.failures.set(peer, failed);
    // Keys that no longer hold leave with the peer's entry.
    if (failed.size > this.keys().length) this.failures.delete(peer);
    for (const oldest of this.failures.keys()) {
      if (this.failures.size <= MAX_PEERS) break;
      this.failures.delete(oldest);
    }
  }

  worked(peer: string, key: Uint8Array): void {
    this.failures.get(peer)?.delete(hex(key));
  }
}

const hex = (key: Uint8Array): string => Buffer.from(key).toString("hex");
