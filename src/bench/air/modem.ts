import type { ChannelSettings } from "../../lora/modulation.ts";

/** A frame as a modem hears it. */
export interface HeardFrame {
  bytes: Uint8Array;
  rssiDbm: number;
  snrDb: number;
}

/**
 * A LoRa chip such as the SX1262 as its firmware drives it: half duplex, one frame at a time, at most 255 bytes. The
 * virtual air hands these out; emulated firmware is built on them.
 */
export interface Modem {
  /** Listens with these settings from now on; undefined: sleeps. A frame that is being received is lost. */
  configure(settings: ChannelSettings | undefined): void;
  /**
   * Sends one frame at once, without listening first; what was being received is lost.
   * @param done when the last symbol has left
   * @returns time on air in ms
   * @throws Error when it sleeps, sends already, or the frame has no or more than 255 bytes
   */
  transmit(frame: Uint8Array, done: () => void): number;
  /** Channel activity detection: whether a LoRa signal of this modulation is above the sensitivity now, or we send. */
  isBusy(): boolean;
  /** Told of every frame that was received whole. @returns ends it */
  onFrame(listener: (frame: HeardFrame) => void): () => void;
}
