/** What the firmware's buffers hold (BaseSerialInterface.h). */
export const MAX_FRAME_BYTES = 176;

/** `<` and `>`: which way a frame goes. */
export const TO_RADIO = 0x3c;
export const FROM_RADIO = 0x3e;

const HEADER_BYTES = 3;

/** A frame for the serial line: direction, length in 16 bits little-endian, content. */
export function encodeFrame(content: Uint8Array, direction: number = TO_RADIO): Uint8Array {
  if (content.length === 0 || content.length > MAX_FRAME_BYTES) {
    throw new RangeError(`content: ${content.length} bytes, not 1 to ${MAX_FRAME_BYTES}`);
  }
  const frame = new Uint8Array(HEADER_BYTES + content.length);
  frame[0] = direction;
  frame[1] = content.length;
  frame.set(content, HEADER_BYTES);
  return frame;
}

/** Tells a frame from bytes that only begin like one. */
export interface FrameRules {
  /** Whether a frame of this kind may have this length; asked before the rest has come. */
  mayBe(code: number, length: number): boolean;
  /** Whether a whole frame is one. */
  accepts(content: Uint8Array): boolean;
}

export interface FramerOptions {
  rules: FrameRules;
  onFrame: (content: Uint8Array) => void;
  direction?: number;
}

/**
 * Finds frames in a stream of bytes, which come in pieces of any size. The protocol has no checksum and boot text may
 * hold a `>`, so whatever begins like a frame and breaks the rules is given up, and the search goes on one byte behind
 * its start: a good frame inside it is not lost. What cannot be told apart without a checksum is a frame of binary data
 * that lost bytes on the line and is filled up by the next one. It holds at most one frame.
 */
export class Framer {
  private readonly buffer = new Uint8Array(HEADER_BYTES + MAX_FRAME_BYTES);
  private held = 0;
  private readonly rules: FrameRules;
  private readonly onFrame: (content: Uint8Array) => void;
  private readonly direction: number;

  constructor({ rules, onFrame, direction = FROM_RADIO }: FramerOptions) {
    this.rules = rules;
    this.onFrame = onFrame;
    this.direction = direction;
  }

  /** Whether the beginning of a frame waits for its rest. */
  get isWaiting(): boolean {
    return this.held > 0;
  }

  /** Bytes of {@link onFrame} are the listener's own. */
  push(bytes: Uint8Array): void {
    let at = 0;
    while (at < bytes.length) {
      if (this.held === 0) {
        at = bytes.indexOf(this.direction, at);
        if (at < 0) return;
      }
      const taken = Math.min(this.buffer.length - this.held, bytes.length - at);
      this.buffer.set(bytes.subarray(at, at + taken), this.held);
      this.held += taken;
      at += taken;
      this.scan(false);
    }
  }

  /** The rest of a frame has not come in time: what began it was something else, or its end is lost. */
  giveUp(): void {
    if (this.held > 0) this.scan(true);
  }

  /** Takes all frames off the buffer's front. @param isOver the frame that is there will not be completed */
  private scan(isOver: boolean): void {
    let start = 0;
    let over = isOver;
    while (start < this.held) {
      const length = this.frameAt(start);
      if (length === "more" && !over) break;
      if (typeof length === "number") {
        const from = start + HEADER_BYTES;
        start = from + length;
        this.onFrame(this.buffer.slice(from, start));
        continue;
      }
      // What is behind a frame that was given up may itself be waited for.
      over = over && length !== "more";
      const next = this.buffer.subarray(0, this.held).indexOf(this.direction, start + 1);
      start = next < 0 ? this.held : next;
    }
    this.buffer.copyWithin(0, start, this.held);
    this.held -= start;
  }

  /** @returns the length of the frame that begins here, `more` when it is not whole yet, `none` when none does */
  private frameAt(start: number): number | "more" | "none" {
    if (this.buffer[start] !== this.direction) return "none";
    const here = this.held - start;
    if (here > 2 && this.buffer[start + 2] !== 0) return "none";
    const length = this.buffer[start + 1];
    if (here > 1 && (length === undefined || length === 0 || length > MAX_FRAME_BYTES)) return "none";
    const code = this.buffer[start + HEADER_BYTES];
    if (here <= HEADER_BYTES || length === undefined || code === undefined) return "more";
    if (!this.rules.mayBe(code, length)) return "none";
    if (here < HEADER_BYTES + length) return "more";
    const from = start + HEADER_BYTES;
    return this.rules.accepts(this.buffer.subarray(from, from + length)) ? length : "none";
  }
}
