import { ADDRESS_BYTES, type LinkAddress } from "./address.ts";

/** A whole message, or a piece of one. */
export interface DataFrame {
  kind: "data";
  source: LinkAddress;
  /** undefined: everyone. */
  destination: LinkAddress | undefined;
  /** Of the message, by its source: 0 to 65535. */
  message: number;
  /** 0 ≤ index < count ≤ 255. */
  index: number;
  count: number;
  /** The message's bytes are coded (see the message code). */
  isCoded: boolean;
  /** The source waits for a {@link ReportFrame} now. */
  wantsReport: boolean;
  body: Uint8Array;
}

/** What a receiver has of a message: to its source, of one that was addressed to it, or of one to everyone. */
export interface ReportFrame {
  kind: "report";
  source: LinkAddress;
  destination: LinkAddress;
  message: number;
  /** All pieces before this one are there; equal to the count when the message is whole. */
  base: number;
  /** Which of the pieces after `base` are there; the first is `base + 1`. At most {@link MAX_REPORTED}. */
  beyond: readonly boolean[];
}

export type LinkFrame = DataFrame | ReportFrame;

/** Bytes that are no frame of this link. */
export class FrameError extends Error {
  override readonly name = "FrameError";
}

/** Bytes before the body of a message that goes in one frame, and in many. To everyone: three less. */
export const WHOLE_HEADER_BYTES = 1 + 2 * ADDRESS_BYTES + 2;
export const PIECE_HEADER_BYTES = WHOLE_HEADER_BYTES + 2;
/** Pieces that one report tells of beyond its base. */
export const MAX_REPORTED = 64;
export const MAX_PIECES = 255;
/** The longest report. */
export const REPORT_BYTES = WHOLE_HEADER_BYTES + 1 + MAX_REPORTED / 8;

/*
 * The first byte: two bits of version, then flags. Numbers are big-endian.
 *
 *   data:    first · source 3 · [destination 3, unless to everyone] · message 2 · [index 1 · count 1, if in pieces] · body
 *   report:  first · source 3 · destination 3 · message 2 · base 1 · bitmap 0 to 8, without its trailing zero bytes
 */
const VERSION = 0b01_000000;
const VERSION_MASK = 0b11_000000;
const REPORT = 0b00_100000;
const TO_EVERYONE = 0b00_010000;
const IN_PIECES = 0b00_001000;
const CODED = 0b00_000100;
const WANTS_REPORT = 0b00_000010;
const UNUSED = 0b00_000001;

/** @throws {FrameError} naming the field that is out of range */
export function encodeFrame(frame: LinkFrame): Uint8Array {
  requireWithin("source", frame.source, 1, 2 ** 24 - 1);
  requireWithin("message", frame.message, 0, 0xffff);
  if (frame.destination !== undefined) requireWithin("destination", frame.destination, 1, 2 ** 24 - 1);
  return frame.kind === "data" ? encodeData(frame) : encodeReport(frame);
}

function encodeData({ source, destination, message, index, count, isCoded, wantsReport, body }: DataFrame) {
  requireWithin("count", count, 1, MAX_PIECES);
  requireWithin("index", index, 0, count - 1);
  const flags =
    (destination === undefined ? TO_EVERYONE : 0) |
    (count > 1 ? IN_PIECES : 0) |
    (isCoded ? CODED : 0) |
    (wantsReport ? WANTS_REPORT : 0);
  return Uint8Array.from([
    VERSION | flags,
    ...uint24(source),
    ...(destination === undefined ? [] : uint24(destination)),
    message >> 8,
    message & 0xff,
    ...(count > 1 ? [index, count] : []),
    ...body,
  ]);
}

function encodeReport({ source, destination, message, base, beyond }: ReportFrame): Uint8Array {
  requireWithin("base", base, 0, MAX_PIECES);
  requireWithin("beyond.length", beyond.length, 0, MAX_REPORTED);
  const bitmap = new Array<number>(Math.ceil((beyond.lastIndexOf(true) + 1) / 8)).fill(0);
  for (const [at, isThere] of beyond.entries()) {
    if (isThere) bitmap[at >> 3] = (bitmap[at >> 3] ?? 0) | (0x80 >> (at & 7));
  }
  return Uint8Array.from([
    VERSION | REPORT,
    ...uint24(source),
    ...uint24(destination),
    message >> 8,
    message & 0xff,
    base,
    ...bitmap,
  ]);
}

/** @throws {FrameError} when the bytes are no frame of this link; what is too much is never taken for less */
export function decodeFrame(bytes: Uint8Array): LinkFrame {
  const first = bytes[0] ?? 0;
  if ((first & VERSION_MASK) !== VERSION || (first & UNUSED) !== 0)
    throw new FrameError("first byte: no frame of this version");
  return (first & REPORT) === 0 ? decodeData(first, bytes) : decodeReport(first, bytes);
}

function decodeData(first: number, bytes: Uint8Array): DataFrame {
  const toEveryone = (first & TO_EVERYONE) !== 0;
  const inPieces = (first & IN_PIECES) !== 0;
  const reader = new Reader(bytes);
  const source = reader.address("source");
  const destination = toEveryone ? undefined : reader.address("destination");
  const message = reader.uint16("message");
  const index = inPieces ? reader.uint8("index") : 0;
  const count = inPieces ? reader.uint8("count") : 1;
  if (inPieces && count < 2) throw new FrameError(`count: ${count} is not 2 to ${MAX_PIECES}`);
  if (index >= count) throw new FrameError(`index: ${index} is not below the count, ${count}`);
  return {
    kind: "data",
    source,
    destination,
    message,
    index,
    count,
    isCoded: (first & CODED) !== 0,
    wantsReport: (first & WANTS_REPORT) !== 0,
    body: reader.rest(),
  };
}

function decodeReport(first: number, bytes: Uint8Array): ReportFrame {
  if (first !== (VERSION | REPORT)) throw new FrameError("first byte: flags that a report has not");
  const reader = new Reader(bytes);
  const head = {
    source: reader.address("source"),
    destination: reader.address("destination"),
    message: reader.uint16("message"),
    base: reader.uint8("base"),
  };
  const bitmap = reader.rest();
  if (bitmap.length > MAX_REPORTED / 8) throw new FrameError(`bitmap: ${bitmap.length} bytes are too many`);
  if (bitmap.at(-1) === 0) throw new FrameError("bitmap: it ends with a zero byte");
  const beyond = [...bitmap].flatMap((byte) =>
    Array.from({ length: 8 }, (_, bit) => (byte & (0x80 >> bit)) !== 0),
  );
  return { kind: "report", ...head, beyond: beyond.slice(0, beyond.lastIndexOf(true) + 1) };
}

/** Reads the fields of a frame after its first byte. */
class Reader {
  private at = 1;

  constructor(private readonly bytes: Uint8Array) {}

  uint8(field: string): number {
    const byte = this.bytes[this.at];
    if (byte === undefined) throw new FrameError(`${field}: the frame ends before it`);
    this.at += 1;
    return byte;
  }

  uint16(field: string): number {
    return (this.uint8(field) << 8) | this.uint8(field);
  }

  address(field: string): LinkAddress {
    const address = (this.uint8(field) << 16) | this.uint16(field);
    if (address === 0) throw new FrameError(`${field}: 0 is nobody's address`);
    return address;
  }

  rest(): Uint8Array {
    return this.bytes.slice(this.at);
  }
}

const uint24 = (value: number): number[] => [value >> 16, (value >> 8) & 0xff, value & 0xff];

function requireWithin(field: string, value: number, least: number, most: number): void {
  if (!Number.isInteger(value) || value < least || value > most)
    throw new FrameError(`${field}: ${value} is not ${least} to ${most}`);
}
