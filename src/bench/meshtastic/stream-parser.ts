import { FRAME_HEADER_BYTES, FRAME_START, MAX_FRAME_PAYLOAD } from "../../lora/meshtastic/frame.ts";

/**
 * How the firmware reads its stream (StreamAPI.cpp), with its weakness: a byte that breaks a header is not looked at
 * again, so that a frame right behind a stray `94` is lost.
 */
export class StreamParser {
  private readonly buffer = new Uint8Array(FRAME_HEADER_BYTES + MAX_FRAME_PAYLOAD);
  private at = 0;

  constructor(private readonly onPayload: (payload: Uint8Array) => void) {}

  push(bytes: Uint8Array): void {
    for (const byte of bytes) this.take(byte);
  }

  private take(byte: number): void {
    const { at } = this;
    this.buffer[this.at++] = byte;
    if (at < FRAME_START.length) {
      if (byte !== FRAME_START[at]) this.at = 0;
      return;
    }
    if (at < FRAME_HEADER_BYTES - 1) return;
    const length = (this.buffer[2] ?? 0) * 256 + (this.buffer[3] ?? 0);
    if (length > MAX_FRAME_PAYLOAD) this.at = 0;
    else if (this.at >= FRAME_HEADER_BYTES + length) {
      this.at = 0;
      this.onPayload(this.buffer.slice(FRAME_HEADER_BYTES, FRAME_HEADER_BYTES + length));
    }
  }
}
