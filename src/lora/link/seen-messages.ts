import type { LinkAddress } from "./address.ts";
import { REMEMBERED_MS } from "./lifetime.ts";

/** Beyond that the longest unused is forgotten. */
const MAX_REMEMBERED = 4_096;

/** A message, whatever its pieces. Numbers to one box and to everyone are apart: else one could be forged to hide the other. */
export interface MessageName {
  source: LinkAddress;
  message: number;
  isToEveryone: boolean;
}

/**
 * The messages that have been whole once, by which they are known when they come again. Links of one box that hear the same
 * air share one, so that each message is given once by one of them.
 */
export class SeenMessages {
  /** When each was whole, on the monotonic clock; by their last use, oldest first. */
  private readonly sinceMs = new Map<string, number>();

  constructor(private readonly nowMs: () => number) {}

  /** How many are remembered, at most 4096. */
  get size(): number {
    return this.sinceMs.size;
  }

  has(name: MessageName): boolean {
    const key = keyOf(name);
    const sinceMs = this.sinceMs.get(key);
    if (sinceMs === undefined) return false;
    this.sinceMs.delete(key);
    // From when it was whole, and not from its last use: who uses a number anew would keep the old message alive with it.
    if (this.nowMs() - sinceMs > REMEMBERED_MS) return false;
    this.sinceMs.set(key, sinceMs);
    return true;
  }

  add(name: MessageName): void {
    const key = keyOf(name);
    this.sinceMs.delete(key);
    this.sinceMs.set(key, this.nowMs());
    if (this.sinceMs.size <= MAX_REMEMBERED) return;
    for (const oldest of this.sinceMs.keys()) {
      this.sinceMs.delete(oldest);
      return;
    }
  }
}

const keyOf = ({ source, message, isToEveryone }: MessageName): string =>
  `${source} ${message}${isToEveryone ? " all" : ""}`;
