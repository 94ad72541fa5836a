/** KISS framing (Chepponis and Karn, "The KISS TNC", 1987), with RNode's command byte in place of the port's. */
const FEND = 0xc0;
const FESC = 0xdb;
const TFEND = 0xdc;
const TFESC = 0xdd;

export interface KissFrame {
  command: number;
  payload: Uint8Array;
}

/** One frame with its delimiters. */
export function kissFrame(command: number, payload: Iterable<number>): Uint8Array<ArrayBuffer> {
  const bytes = [FEND, command];
  for (const byte of payload) {
    if (byte === FEND) bytes.push(FESC, TFEND);
    else if (byte === FESC) bytes.push(FESC, TFESC);
    else bytes.push(byte);
  }
  bytes.push(FEND);
  return Uint8Array.from(bytes);
}

/**
 * Finds frames in a stream of bytes. Every delimiter ends what came before it and begins what comes after, so whatever
 * stands between two frames costs neither of them. What was damaged (an escape that is none, more bytes than the
 * bound) is dropped up to the next delimiter; so is what came before the first one.
 */
export class KissDecoder {
  private readonly buffer: Uint8Array;
  private length = 0;
  private escaped = false;
  /** False until a delimiter has been seen, and after damage. */
  private inFrame = false;

  constructor(
    /** Payloads of more bytes are dropped. */
    maxPayloadBytes: number,
    private readonly take: (frame: KissFrame) => void,
  ) {
    this.buffer = new Uint8Array(maxPayloadBytes + 1);
  }

  /** @param bytes a piece of the stream, of any size */
  push(bytes: Uint8Array): void {
    for (const byte of bytes) {
      if (byte === FEND) this.end();
      else if (this.inFrame) this.add(byte);
    }
  }

  private end(): void {
    const { length, escaped, inFrame } = this;
    this.length = 0;
    this.escaped = false;
    this.inFrame = true;
    if (!inFrame || escaped || length === 0) return;
    const [command = 0] = this.buffer;
    this.take({ command, payload: this.buffer.slice(1, length) });
  }

  private add(byte: number): void {
    if (byte === FESC && !this.escaped) {
      this.escaped = true;
      return;
    }
    const plain = this.escaped ? unescaped(byte) : byte;
    this.escaped = false;
    if (plain === undefined || this.length === this.buffer.length) this.inFrame = false;
    else this.buffer[this.length++] = plain;
  }
}

function unescaped(byte: number): number | undefined {
  if (byte === TFEND) return FEND;
  return byte === TFESC ? FESC : undefined;
}
