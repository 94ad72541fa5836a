import type { Timers } from "../../host/timers.ts";
import type { PeerId } from "./engine-interface.ts";

/** A rejected message counts half after this. */
const HALF_LIFE_MS = 60_000;
/** Peers that are remembered; the one that passed on something bad longest ago is forgotten first. */
const MAX_PEERS = 1_024;

/**
 * Who passed on gossip that was rejected. libp2p asks for it as the application's own score, which it multiplies by ten:
 * after two such messages a peer is told no more of what there is, after nine within a minute nothing of it is read.
 */
export class GossipConduct {
  private readonly rejections = new Map<PeerId, { count: number; atMs: number }>();

  constructor(private readonly timers: Timers) {}

  rejected(peer: PeerId): void {
    const count = 1 - this.score(peer);
    this.rejections.delete(peer);
    this.rejections.set(peer, { count, atMs: this.timers.monotonicMs() });
    for (const oldest of this.rejections.keys()) {
      if (this.rejections.size <= MAX_PEERS) break;
      this.rejections.delete(oldest);
    }
  }

  /** 0 for most; the more rejections and the fresher, the lower. */
  score(peer: PeerId): number {
    const known = this.rejections.get(peer);
    if (known === undefined) return 0;
    const halvings = (this.timers.monotonicMs() - known.atMs) / HALF_LIFE_MS;
    return -known.count * 0.5 ** halvings;
  }
}
