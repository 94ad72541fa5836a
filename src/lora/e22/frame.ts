import { crc16 } from "./crc16.ts";

/**
 * A transparent module carries a stream of bytes without borders. Boxes put borders into it:
 *
 * | bytes | what |
 * |---|---|
 * | 1 | 0x4f |
 * | 1 | how many bytes the payload has, 1 to 236 |
 * | n | payload |
 * | 2 | CRC-16/CCITT-FALSE over length and payload, high byte first |
 *
 * The first byte is none that a module puts behind a packet for its RSSI: 0x4f would be −177 dBm.
 */
const START = 0x4f;
const HEADER_BYTES = 2;
const CRC_BYTES = 2;
export const FRAME_OVERHEAD = HEADER_BYTES + CRC_BYTES;
/** The module sends at most 240 bytes as one packet. */
export const MAX_PAYLOAD_BYTES = 240 - FRAME_OVERHEAD;

export function encodeFrame(payload: Uint8Array): Uint8Array {
  if (payload.length === 0 || payload.length > MAX_PAYLOAD_BYTES) {
    throw new RangeError(`payload: ${payload.length} bytes, not 1 to ${MAX_PAYLOAD_BYTES}`);
  }
  const frame = new Uint8Array(FRAME_OVERHEAD + payload.length);
  frame[0] = START;
  frame[1] = payload.length;
  frame.set(payload, HEADER_BYTES);
  const crc = crc16(frame.subarray(1, HEADER_BYTES + payload.length));
  frame[frame.length - 2] = crc >> 8;
  frame[frame.length - 1] = crc & 0xff;
  return frame;
}

export interface FramerOptions {
  /** Whether a byte of RSSI follows each frame. */
  hasRssi: () => boolean;
  onFrame: (payload: Uint8Array, rssiDbm: number | undefined) => void;
}

/**
 * Finds frames in what the module received. A start whose CRC is wrong is given up, and the search goes on one byte
 * behind it. It holds no more than one frame.
 */
export class Framer {
  private readonly buffer = new Uint8Array(FRAME_OVERHEAD + MAX_PAYLOAD_BYTES + 1);
  private held = 0;

  constructor(private readonly options: FramerOptions) {}

  get isWaiting(): boolean {
    return this.held > 0;
  }

  push(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; ) {
      if (this.held === 0) {
        at = bytes.indexOf(START, at);
        if (at < 0) return;
      }
      const taken = Math.min(this.buffer.length - this.held, bytes.length - at);
      this.buffer.set(bytes.subarray(at, at + taken), this.held);
      this.held += taken;
      at += taken;
      this.scan(false);
    }
  }

  /** The rest has not come in time. */
  giveUp(): void {
    this.scan(true);
  }

  private scan(isOver: boolean): void {
    let start = 0;
    let over = isOver;
    while (start < this.held) {
      const end = this.frameEnd(start, over);
      if (end === "more" && !over) break;
      if (typeof end === "number") {
        start = this.take(start, end);
        continue;
      }
      over = over && end !== "more";
      const next = this.buffer.subarray(0, this.held).indexOf(START, start + 1);
      start = next < 0 ? this.held : next;
    }
    this.buffer.copyWithin(0, start, this.held);
    this.held -= start;
  }

  /** @returns where the frame's CRC ends */
  private frameEnd(start: number, over: boolean): number | "more" | "none" {
    if (this.buffer[start] !== START) return "none";
    if (start + 1 >= this.held) return "more";
    const length = this.buffer[start + 1] ?? 0;
    if (length === 0 || length > MAX_PAYLOAD_BYTES) return "none";
    const end = start + FRAME_OVERHEAD + length;
    if (this.held < end) return "more";
    const crc = ((this.buffer[end - 2] ?? 0) << 8) | (this.buffer[end - 1] ?? 0);
    if (crc16(this.buffer.subarray(start + 1, end - CRC_BYTES)) !== crc) return "none";
    // The byte of RSSI is waited for, but not for ever.
    return this.options.hasRssi() && this.held === end && !over ? "more" : end;
  }

  /** @returns where the search goes on */
  private take(start: number, end: number): number {
    const rssi = this.options.hasRssi() && end < this.held ? this.buffer[end] : undefined;
    const hasOne = rssi !== undefined && rssi !== START;
    this.options.onFrame(
      this.buffer.slice(start + HEADER_BYTES, end - CRC_BYTES),
      hasOne ? rssi - 256 : undefined,
    );
    return end + (hasOne ? 1 : 0);
  }
}
