import type { LinkAddress } from "../../lora/index.ts";

/** Of all time, what frames of others may make this box send: half of what the strictest law leaves. */
const SHARE = 1 / 20;
/** What may be sent at once after a time in which nobody asked. */
const BURST_MS = 180_000;
/** What one neighbour may ask for of that. */
const SENDER_SHARE = 2 / 3;
/** The longest unheard go first: whoever makes up addresses is held by what all may ask for together. */
const MAX_SENDERS = 128;
/** A bundle that was sent because one asked has been heard by all. */
const AGAIN_AFTER_FRAMES = 12;

interface Bucket {
  leftMs: number;
  atMs: number;
}

/** What it is counted by. */
export interface AirTimes {
  /** Monotonic. */
  readonly nowMs: number;
  /** Time on the air of the largest frame. */
  readonly frameMs: number;
  /** Time on the air of so many bytes, in as many frames as they take. */
  airMs(bytes: number): number;
}

/** What can be asked for, see {@link AskedAir.grantsAgain}. */
export interface Repeatable {
  /** On the air, about. */
  readonly airBytes: number;
  /** When it was last repeated because somebody asked. */
  repeatedAtMs: number;
}

/**
 * How much airtime others may make this box spend: nobody on the air proves who they are, and a few bytes may ask for
 * hundreds. Token buckets, one for each sender and one for all. Answers that are shorter than what they answer are free.
 */
export class AskedAir {
  private readonly all: Bucket = { leftMs: BURST_MS, atMs: 0 };
  private readonly senders = new Map<LinkAddress, Bucket>();

  constructor(private readonly times: AirTimes) {}

  /** Whether this neighbour may make this box send so many bytes; takes them off what it has left. */
  grants(from: LinkAddress, bytes: number): boolean {
    const costMs = this.times.airMs(bytes);
    const { all } = this;
    const sender = this.senderOf(from);
    this.refill(all, 1);
    this.refill(sender, SENDER_SHARE);
    if (all.leftMs < costMs || sender.leftMs < costMs) return false;
    all.leftMs -= costMs;
    sender.leftMs -= costMs;
    return true;
  }

  /** Whether a bundle that has gone goes once more because this neighbour asks. */
  grantsAgain(from: LinkAddress, bundle: Repeatable): boolean {
    const nowMs = this.times.nowMs;
    if (nowMs - bundle.repeatedAtMs < AGAIN_AFTER_FRAMES * this.times.frameMs) return false;
    if (!this.grants(from, bundle.airBytes)) return false;
    bundle.repeatedAtMs = nowMs;
    return true;
  }

  private refill(bucket: Bucket, share: number): void {
    const nowMs = this.times.nowMs;
    bucket.leftMs = Math.min(BURST_MS * share, bucket.leftMs + (nowMs - bucket.atMs) * SHARE * share);
    bucket.atMs = nowMs;
  }

  private senderOf(from: LinkAddress): Bucket {
    const bucket = this.senders.get(from) ?? { leftMs: BURST_MS * SENDER_SHARE, atMs: this.times.nowMs };
    this.senders.delete(from);
    this.senders.set(from, bucket);
    for (const oldest of this.senders.keys()) {
      if (this.senders.size <= MAX_SENDERS) break;
      this.senders.delete(oldest);
    }
    return bucket;
  }
}
