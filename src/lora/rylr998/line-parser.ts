/** A packet as the module tells of it: `+RCV=<address>,<length>,<data>,<RSSI>,<SNR>`. */
export interface ReceivedLine {
  from: number;
  data: Uint8Array;
  rssiDbm: number;
  snrDb: number;
}

export interface LineParserOptions {
  /** A line without its end, from its last `+` on. */
  onLine: (line: string) => void;
  onReceived: (received: ReceivedLine) => void;
}

const CR = 0x0d;
const LF = 0x0a;
const PLUS = 0x2b;
const RECEIVED = Uint8Array.from("+RCV=", (character) => character.charCodeAt(0));
export const MAX_DATA_BYTES = 240;
/** Longer than any line: 240 bytes of data, and what stands around it. */
const MAX_HELD = 300;

const HEADER = /^\+RCV=(\d{1,5}),(\d{1,3}),/;
const TRAILER = /^,(-?\d{1,3}),(-?\d{1,3})\r\n/;
/** As far as a header or a trailer may have come. */
const HEADER_START = /^\+RCV=(\d{0,5}|\d{1,5},\d{0,3})$/;
const TRAILER_START = /^(,?|,-?\d{0,3}|,-?\d{1,3},-?\d{0,3}\r?)$/;

type Found = { kind: "received"; received: ReceivedLine; end: number } | "more" | "none";

/**
 * Takes what the module says apart. A packet's data is taken by its length, whatever is in it: commas, line ends, or
 * what looks like an answer. What only begins like a packet is given up, and the search goes on one byte behind. It
 * holds no more than one line.
 */
export class LineParser {
  private held = new Uint8Array(0);

  constructor(private readonly options: LineParserOptions) {}

  /** Whether something waits for its rest. */
  get isWaiting(): boolean {
    return this.held.length > 0;
  }

  push(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; ) {
      const piece = bytes.subarray(at, at + MAX_HELD);
      at += piece.length;
      this.held = new Uint8Array(Buffer.concat([this.held, piece]));
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
    for (;;) {
      const packet = indexOf(this.held, RECEIVED, start);
      const end = this.held.indexOf(LF, start);
      if (end >= 0 && (packet < 0 || end < packet)) {
        this.line(this.held.subarray(start, end));
        start = end + 1;
        continue;
      }
      if (packet < 0) break;
      const found = this.packetAt(packet);
      if (found === "more" && !over) {
        start = packet;
        break;
      }
      if (found === "more") over = false;
      if (typeof found === "object") {
        start = found.end;
        this.options.onReceived(found.received);
      } else {
        start = packet + 1;
      }
    }
    const rest = this.held.subarray(start);
    this.held = over ? new Uint8Array(0) : rest.slice(Math.max(0, rest.length - MAX_HELD));
  }

  private line(bytes: Uint8Array): void {
    const text = bytes.at(-1) === CR ? bytes.subarray(0, -1) : bytes;
    // Noise before an answer stands in the same line.
    const from = text.lastIndexOf(PLUS);
    if (from >= 0) this.options.onLine(latin(text.subarray(from)));
  }

  private packetAt(start: number): Found {
    const head = latin(this.held.subarray(start, start + 16));
    const header = HEADER.exec(head);
    if (!header) return HEADER_START.test(head) ? "more" : "none";
    const [all, address, size] = header;
    const length = Number(size);
    const from = Number(address);
    if (length > MAX_DATA_BYTES || from > 0xffff) return "none";
    const dataAt = start + all.length;
    if (this.held.length < dataAt + length) return "more";
    const tail = latin(this.held.subarray(dataAt + length, dataAt + length + 16));
    const trailer = TRAILER.exec(tail);
    if (!trailer) return TRAILER_START.test(tail) ? "more" : "none";
    const [tailText, rssi, snr] = trailer;
    const data = this.held.slice(dataAt, dataAt + length);
    return {
      kind: "received",
      received: { from, data, rssiDbm: Number(rssi), snrDb: Number(snr) },
      end: dataAt + length + tailText.length,
    };
  }
}

const latin = (bytes: Uint8Array): string => Buffer.from(bytes).toString("latin1");

function indexOf(bytes: Uint8Array, wanted: Uint8Array, from: number): number {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).indexOf(wanted, from);
}
