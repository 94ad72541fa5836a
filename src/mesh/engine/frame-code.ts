/** Longest unsigned varint that is read: 2^28 - 1, above every bound for frames. */
const MAX_HEADER_BYTES = 4;

/** A length that is too long, or written in more bytes than it needs. */
export class FrameError extends Error {
  override name = "FrameError";
}

/**
 * The length of a frame as multiformats' unsigned varint: seven bits a byte, the lowest first.
 * @see https://github.com/multiformats/unsigned-varint
 */
export function frameHeader(length: number): Uint8Array {
  const bytes: number[] = [];
  let rest = length;
  while (rest >= 0x80) {
    bytes.push((rest & 0x7f) | 0x80);
    rest >>>= 7;
  }
  bytes.push(rest);
  return Uint8Array.from(bytes);
}

/** Cuts a stream of bytes back into frames, however it comes in pieces. Keeps at most one frame that is not whole yet. */
export class FrameDecoder {
  private header: number[] = [];
  private body: Uint8Array | undefined;
  private filled = 0;

  /** @param maxBytes of one frame */
  constructor(private readonly maxBytes: number) {}

  /** Whether something of the next frame has come, and not all of it. */
  get isMidway(): boolean {
    return this.header.length > 0 || this.body !== undefined;
  }

  /**
   * @returns the frames that became whole, each in memory of its own
   * @throws {FrameError} for good: what comes after cannot be told apart
   */
  *decode(bytes: Uint8Array): Generator<Uint8Array> {
    let at = 0;
    while (at < bytes.length) {
      if (this.body === undefined) {
        this.readHeader(bytes[at] ?? 0);
        at += 1;
      } else {
        const piece = bytes.subarray(at, at + this.body.length - this.filled);
        this.body.set(piece, this.filled);
        this.filled += piece.length;
        at += piece.length;
      }
      if (this.body !== undefined && this.filled === this.body.length) {
        const frame = this.body;
        this.body = undefined;
        this.filled = 0;
        yield frame;
      }
    }
  }

  private readHeader(byte: number): void {
    this.header.push(byte);
    if (byte >= 0x80) {
      if (this.header.length === MAX_HEADER_BYTES) throw new FrameError("the length of a frame is too long");
      return;
    }
    if (byte === 0 && this.header.length > 1) throw new FrameError("the length of a frame is padded");
    const length = this.header.reduceRight((sum, part) => sum * 128 + (part & 0x7f), 0);
    if (length > this.maxBytes) {
      throw new FrameError(`a frame of ${length} bytes is longer than ${this.maxBytes}`);
    }
    this.header = [];
    this.body = new Uint8Array(length);
  }
}
