/**
 * Emulated firmware: what runs on the microcontroller of a LoRa case, between its serial line and its modem. Free of
 * any real serial line: bytes in, bytes out. It behaves like the real one, including its faults and limits.
 */
export interface Firmware {
  /** Bytes from the host, in pieces of any size. */
  receive(bytes: Uint8Array): void;
  /** The power is gone: nothing is heard from it after this. */
  stop(): void;
}

/** Takes what the firmware writes to its serial line. */
export type ToHost = (bytes: Uint8Array) => void;
