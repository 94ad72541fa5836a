import type { Priority } from "./priority.ts";
import type { Fate, Received } from "./radio.ts";

export interface SendOptions {
  /** Somebody is silent until this frame comes: it goes before all others, with the shortest contention. */
  isAnswer?: boolean;
}

/** What the link layer needs of whatever carries its frames: a radio, paced so that the law's airtime holds. */
export interface FrameCarrier {
  /** The largest frame, in bytes. */
  readonly maxFrameBytes: number;
  /** Time on the air of a frame of this many bytes, all overhead of the firmware included, in ms. */
  airtimeMs(bytes: number): number;
  /**
   * When frames of this much time on the air, handed in now, would have left the antenna, as things stand, in ms from
   * now; Infinity where they never would.
   */
  etaMs(airtimeMs: number, priority: Priority): number;
  /**
   * Queues a frame. The most urgent goes first, and what has waited long gains on what is more urgent.
   * @param told every fate, in order, never before `send` has returned; `on-air` once it has left the antenna
   * @returns takes it back if it has not gone to the radio yet: its fate is then `cancelled`
   */
  send(frame: Uint8Array, priority: Priority, told: (fate: Fate) => void, options?: SendOptions): () => void;
  /** @returns ends it */
  onFrame(listener: (received: Received) => void): () => void;
}
