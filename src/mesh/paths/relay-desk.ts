import type { PeerId } from "../engine/engine-interface.ts";
import { TokenBucket } from "./token-bucket.ts";

/** What an operator lets others send through this box. */
export interface RelayQuotas {
  /** Kilobits a second, for all together and for each that sends; 0: nothing. */
  totalKbit: number;
  perPeerKbit: number;
}

export interface RelayStats {
  forwardedDatagrams: number;
  forwardedBytes: number;
  /** Refused because of the quotas, because the other is not known here, because it could not leave. */
  overQuota: number;
  unknownPeer: number;
  notSent: number;
  byPeer: readonly { peer: PeerId; forwardedBytes: number }[];
}

const BURST_MS = 500;

interface Account {
  bucket: TokenBucket;
  forwardedBytes: number;
}

/** Decides what is forwarded for others and counts it. It sees sealed datagrams only. */
export class RelayDesk {
  private readonly accounts = new Map<PeerId, Account>();
  private readonly total: TokenBucket;
  private readonly counted = {
    forwardedDatagrams: 0,
    forwardedBytes: 0,
    overQuota: 0,
    unknownPeer: 0,
    notSent: 0,
  };

  constructor(
    private readonly quotas: RelayQuotas,
    nowMs: number,
  ) {
    this.total = new TokenBucket(quotas.totalKbit, BURST_MS, nowMs);
  }

  /** @param forward throws when it cannot leave; undefined where the other is no session peer of ours */
  serve(from: PeerId, bytes: number, nowMs: number, forward: (() => void) | undefined): void {
    if (!forward) {
      this.counted.unknownPeer += 1;
      return;
    }
    const account = this.accounts.get(from) ?? {
      bucket: new TokenBucket(this.quotas.perPeerKbit, BURST_MS, nowMs),
      forwardedBytes: 0,
    };
    this.accounts.set(from, account);
    if (!account.bucket.has(bytes, nowMs) || !this.total.has(bytes, nowMs)) {
      this.counted.overQuota += 1;
      return;
    }
    try {
      forward();
    } catch {
      this.counted.notSent += 1;
      return;
    }
    account.bucket.take(bytes);
    this.total.take(bytes);
    account.forwardedBytes += bytes;
    this.counted.forwardedDatagrams += 1;
    this.counted.forwardedBytes += bytes;
  }

  forget(peer: PeerId): void {
    this.accounts.delete(peer);
  }

  stats(): RelayStats {
    const byPeer = [...this.accounts].map(([peer, { forwardedBytes }]) => ({ peer, forwardedBytes }));
    return { ...this.counted, byPeer };
  }
}
