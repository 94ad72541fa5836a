import { FRAME_HEADER_BYTES, FRAME_START, MAX_FRAME_PAYLOAD } from "./frame.ts";

/** Tells a frame from bytes that only begin like one: the protocol has no checksum. */
export interface FrameRules<Message> {
  /** Whether a payload of this length may begin with these bytes; asked as they come. */
  mayBegin(start: Uint8Array, length: number): boolean;
  /** What a whole payload says; undefined: it is none. */
  decode(payload: Uint8Array): Message | undefined;
}

export interface FramerOptions<Message> {
  rules: FrameRules<Message>;
  onMessage: (message: Message) => void;
}

interface Found<Message> {
  message: Message;
  /** Where the frame ends in the buffer. */
  end: number;
}

/**
 * Finds frames in a stream of bytes that come in pieces of any size. Whatever begins like a frame and is none is given
 * up as soon as that shows, and the search goes on one byte behind its start, so that a frame inside it is not lost. It
 * holds one frame at most, however much comes.
 */
export class Framer<Message> {
  private readonly buffer = new Uint8Array(FRAME_HEADER_BYTES + MAX_FRAME_PAYLOAD);
  private held = 0;
  /**
   * So many bytes at the buffer's front were told in a frame already. Where its end had been cut off it has taken the
   * start of the next one for its own, so that a frame may begin in them, if it ends behind them.
   */
  private told = 0;
  private noise = 0;

  constructor(private readonly options: FramerOptions<Message>) {}

  /** Whether what may become a frame waits for its rest. */
  get isWaiting(): boolean {
    return this.held > 0;
  }

  /** Bytes so far that were in no frame. */
  get noiseBytes(): number {
    return this.noise;
  }

  push(bytes: Uint8Array): void {
    let at = 0;
    while (at < bytes.length) {
      if (this.held === 0) {
        const start = bytes.indexOf(FRAME_START[0], at);
        this.noise += (start < 0 ? bytes.length : start) - at;
        if (start < 0) return;
        at = start;
      }
      const taken = Math.min(this.buffer.length - this.held, bytes.length - at);
      this.buffer.set(bytes.subarray(at, at + taken), this.held);
      this.held += taken;
      at += taken;
      this.scan(0);
    }
  }

  /**
   * Nothing has come for a while. Where a whole frame stands inside what waits for its rest, that was noise, and the
   * frame is told; where none does, the rest may still come.
   */
  settle(): void {
    for (let at = this.nextStart(0); at < this.held; at = this.nextStart(at)) {
      if (typeof this.frameAt(at) !== "object") continue;
      this.scan(at);
      at = 0;
    }
  }

  /** Takes all frames off the buffer. @param from what stands before it is given up */
  private scan(from: number): void {
    let start = from;
    while (start < this.held) {
      if (start < this.told && this.isAligned()) {
        start = this.told;
        continue;
      }
      const found = this.frameAt(start);
      if (found === "more") break;
      if (typeof found === "object") {
        this.noise += Math.max(0, start - this.told);
        this.told = found.end;
        this.options.onMessage(found.message);
      }
      start = this.nextStart(start);
    }
    this.noise += Math.max(0, start - this.told);
    this.told = Math.max(0, this.told - start);
    this.buffer.copyWithin(0, start, this.held);
    this.held -= start;
  }

  private nextStart(behind: number): number {
    const next = this.buffer.subarray(0, this.held).indexOf(FRAME_START[0], behind + 1);
    return next < 0 ? this.held : next;
  }

  /** Whether a frame begins right behind the one before, so that this one was whole. */
  private isAligned(): boolean {
    const [first, second] = this.buffer.subarray(this.told, this.held);
    return first === FRAME_START[0] && second === FRAME_START[1];
  }

  /** What begins here: a whole frame, one that is not whole yet, or none. */
  private frameAt(start: number): Found<Message> | "more" | "none" {
    const { buffer, held, told } = this;
    const { rules } = this.options;
    const here = held - start;
    if (here > 1 && buffer[start + 1] !== FRAME_START[1]) return "none";
    const [high, low] = [buffer[start + 2] ?? 0, buffer[start + 3] ?? 0];
    if (here > 2 && high * 256 > MAX_FRAME_PAYLOAD) return "none";
    if (here < FRAME_HEADER_BYTES) return "more";
    const length = high * 256 + low;
    if (length === 0 || length > MAX_FRAME_PAYLOAD) return "none";
    const from = start + FRAME_HEADER_BYTES;
    const end = from + length;
    // Inside a frame that was told: part of what it says.
    if (start < told && end <= told) return "none";
    const payload = buffer.subarray(from, Math.min(end, held));
    if (payload.length < length) return rules.mayBegin(payload, length) ? "more" : "none";
    // Bytes of its own: the buffer is written over.
    const message = rules.decode(payload.slice());
    return message === undefined ? "none" : { message, end };
  }
}
