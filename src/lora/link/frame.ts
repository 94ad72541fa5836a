import { crc32 } from "node:zlib";
import { ADDRESS_BYTES, type LinkAddress } from "./address.ts";

/** A whole message, or a piece of one. */
export interface DataFrame {
  kind: "data";
  source: LinkAddress;
  /** undefined: everyone. */
  destination: LinkAddress | undefined;
  /** Of the message, by its source: 0 to 65535; of one without a number {@link bodyNumber}. */
  message: number;
  /** A whole message to everyone that goes once: its body tells it from others. */
  isUnnumbered?: boolean;
  /** 0 ≤ index < count ≤ 255. */
  index: number;
  count: number;
  /** The message's bytes are coded (see the message code). */
  isCoded: boolean;
  /** The source waits for a {@link ReportFrame} now. */
  wantsReport: boolean;
  body: Uint8Array;
}

/** What a receiver has of a message. */
export type Holding =
  | { message: number; isWhole: true }
  | {
      message: number;
      isWhole: false;
      /** Of all its pieces; 0: nothing of it has come. */
      count: number;
      /** The first piece that is missing. */
      base: number;
      /** Which of the pieces after `base` are there; the first is `base + 1`. At most {@link MAX_REPORTED}. */
      beyond: readonly boolean[];
    };

/** To the source of messages, what there is of them here. */
export interface ReportFrame {
  kind: "report";
  source: LinkAddress;
  destination: LinkAddress;
  /** At least one. */
  holdings: readonly Holding[];
}

/** The source of a message waits for a {@link ReportFrame} of it, and of all that came with it. */
export interface QuestionFrame {
  kind: "question";
  source: LinkAddress;
  destination: LinkAddress;
  message: number;
}

export type LinkFrame = DataFrame | ReportFrame | QuestionFrame;

/** Bytes that are no frame of this link. */
export class FrameError extends Error {
  override readonly name = "FrameError";
}

/** Bytes before the body of a message that goes in one frame, and in many. To everyone: three less. */
export const WHOLE_HEADER_BYTES = 1 + 2 * ADDRESS_BYTES + 2;
export const TO_EVERYONE_HEADER_BYTES = WHOLE_HEADER_BYTES - ADDRESS_BYTES;
export const PIECE_HEADER_BYTES = WHOLE_HEADER_BYTES + 2;
/** Pieces of one message that a report tells of beyond its base. */
export const MAX_REPORTED = 64;
export const MAX_PIECES = 255;
const REPORT_HEADER_BYTES = 1 + 2 * ADDRESS_BYTES;
/** The longest report on one message. */
export const REPORT_BYTES = REPORT_HEADER_BYTES + 5 + MAX_REPORTED / 8;
/** What one more message that is whole adds to it. */
export const WHOLE_HOLDING_BYTES = 3;

/*
 * The first byte: two bits of version, then flags. Numbers are big-endian.
 *
 *   data:    first · source 3 · [destination 3, unless to everyone] · [message 2, unless without a number]
 *            · [index 1 · count 1, if in pieces] · body
 *   report:  first · source 3 · destination 3, then for each message
 *            message 2 · 255, where it is whole
 *            message 2 · length of the bitmap 1 · count 1 · base 1 · bitmap without its trailing zero bytes, where not
 *   question: first · source 3 · destination 3 · message 2
 */
const VERSION = 0b01_000000;
const VERSION_MASK = 0b11_000000;
const REPORT = 0b00_100000;
const TO_EVERYONE = 0b00_010000;
const IN_PIECES = 0b00_001000;
const CODED = 0b00_000100;
const WANTS_REPORT = 0b00_000010;
/** Of a whole message to everyone alone. */
const UNNUMBERED = 0b00_000001;
const QUESTION = REPORT | WANTS_REPORT;
const WHOLE = 255;

/** @throws {FrameError} naming the field that is out of range */
export function encodeFrame(frame: LinkFrame): Uint8Array {
  requireWithin("source", frame.source, 1, 2 ** 24 - 1);
  if (frame.destination !== undefined) requireWithin("destination", frame.destination, 1, 2 ** 24 - 1);
  if (frame.kind === "data") return encodeData(frame);
  const isReport = frame.kind === "report";
  return Uint8Array.from([
    VERSION | (isReport ? REPORT : QUESTION),
    ...uint24(frame.source),
    ...uint24(frame.destination),
    ...(isReport ? frame.holdings.flatMap(holdingBytes) : uint16("message", frame.message)),
  ]);
}

/** Stands for the number of a message that has none, beyond all numbers: the CRC-32 of its body (ISO-HDLC, as in zlib). */
export const bodyNumber = (body: Uint8Array): number => 0x1_0000 + crc32(body);

function encodeData(frame: DataFrame) {
  const { source, destination, message, isUnnumbered, index, count, isCoded, wantsReport, body } = frame;
  requireWithin("count", count, 1, isUnnumbered ? 1 : MAX_PIECES);
  requireWithin("index", index, 0, count - 1);
  if (isUnnumbered && destination !== undefined)
    throw new FrameError("isUnnumbered: only what is to everyone has no number");
  const flags =
    (destination === undefined ? TO_EVERYONE : 0) |
    (count > 1 ? IN_PIECES : 0) |
    (isCoded ? CODED : 0) |
    (wantsReport ? WANTS_REPORT : 0) |
    (isUnnumbered ? UNNUMBERED : 0);
  return Uint8Array.from([
    VERSION | flags,
    ...uint24(source),
    ...(destination === undefined ? [] : uint24(destination)),
    ...(isUnnumbered ? [] : uint16("message", message)),
    ...(count > 1 ? [index, count] : []),
    ...body,
  ]);
}

/** As it stands in a report. @throws {FrameError} naming the field that is out of range */
export function holdingBytes(holding: Holding): number[] {
  const number = uint16("message", holding.message);
  if (holding.isWhole) return [...number, WHOLE];
  const { count, base, beyond } = holding;
  requireWithin("count", count, 0, MAX_PIECES);
  requireWithin("base", base, 0, Math.max(0, count - 1));
  requireWithin("beyond.length", beyond.length, 0, Math.min(MAX_REPORTED, Math.max(0, count - base - 1)));
  const bitmap = new Array<number>(Math.ceil((beyond.lastIndexOf(true) + 1) / 8)).fill(0);
  for (const [at, isThere] of beyond.entries()) {
    if (isThere) bitmap[at >> 3] = (bitmap[at >> 3] ?? 0) | (0x80 >> (at & 7));
  }
  return [...number, bitmap.length, count, base, ...bitmap];
}

/** Whether holdings of so many bytes fit into a report of a frame of this size. */
export const fitsReport = (holdingsBytes: number, maxFrameBytes: number): boolean =>
  REPORT_HEADER_BYTES + holdingsBytes <= maxFrameBytes;

/** @throws {FrameError} when the bytes are no frame of this link; what is too much is never taken for less */
export function decodeFrame(bytes: Uint8Array): LinkFrame {
  const first = bytes[0] ?? 0;
  if ((first & VERSION_MASK) !== VERSION) throw new FrameError("first byte: no frame of this version");
  return (first & REPORT) === 0 ? decodeData(first, bytes) : decodeReport(first, bytes);
}

function decodeData(first: number, bytes: Uint8Array): DataFrame {
  const toEveryone = (first & TO_EVERYONE) !== 0;
  const inPieces = (first & IN_PIECES) !== 0;
  const isUnnumbered = (first & UNNUMBERED) !== 0;
  if (isUnnumbered && (!toEveryone || inPieces))
    throw new FrameError("first byte: only a whole message to everyone has no number");
  const reader = new Reader(bytes);
  const source = reader.address("source");
  const destination = toEveryone ? undefined : reader.address("destination");
  const number = isUnnumbered ? 0 : reader.uint16("message");
  const index = inPieces ? reader.uint8("index") : 0;
  const count = inPieces ? reader.uint8("count") : 1;
  if (inPieces && count < 2) throw new FrameError(`count: ${count} is not 2 to ${MAX_PIECES}`);
  if (index >= count) throw new FrameError(`index: ${index} is not below the count, ${count}`);
  const body = reader.rest();
  return {
    kind: "data",
    source,
    destination,
    message: isUnnumbered ? bodyNumber(body) : number,
    ...(isUnnumbered && { isUnnumbered }),
    index,
    count,
    isCoded: (first & CODED) !== 0,
    wantsReport: (first & WANTS_REPORT) !== 0,
    body,
  };
}

function decodeReport(first: number, bytes: Uint8Array): ReportFrame | QuestionFrame {
  const isQuestion = first === (VERSION | QUESTION);
  if (!isQuestion && first !== (VERSION | REPORT))
    throw new FrameError("first byte: flags that a report has not");
  const reader = new Reader(bytes);
  const head = { source: reader.address("source"), destination: reader.address("destination") };
  if (isQuestion) {
    const message = reader.uint16("message");
    if (reader.hasMore) throw new FrameError("message: a question ends with it");
    return { kind: "question", ...head, message };
  }
  const holdings: Holding[] = [];
  do holdings.push(decodeHolding(reader));
  while (reader.hasMore);
  return { kind: "report", ...head, holdings };
}

function decodeHolding(reader: Reader): Holding {
  const message = reader.uint16("message");
  const length = reader.uint8("bitmap");
  if (length === WHOLE) return { message, isWhole: true };
  if (length > MAX_REPORTED / 8) throw new FrameError(`bitmap: ${length} bytes are too many`);
  const [count, base] = [reader.uint8("count"), reader.uint8("base")];
  if (base > Math.max(0, count - 1)) throw new FrameError(`base: ${base} is not below the count, ${count}`);
  const bitmap = Array.from({ length }, () => reader.uint8("bitmap"));
  if (bitmap.at(-1) === 0) throw new FrameError("bitmap: it ends with a zero byte");
  const bits = bitmap.flatMap((byte) => Array.from({ length: 8 }, (_, bit) => (byte & (0x80 >> bit)) !== 0));
  const beyond = bits.slice(0, bits.lastIndexOf(true) + 1);
  if (beyond.length > Math.max(0, count - base - 1))
    throw new FrameError(`bitmap: it goes beyond the count, ${count}`);
  return { message, isWhole: false, count, base, beyond };
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

  get hasMore(): boolean {
    return this.at < this.bytes.length;
  }

  rest(): Uint8Array {
    return this.bytes.slice(this.at);
  }
}

function uint16(field: string, value: number): number[] {
  requireWithin(field, value, 0, 0xffff);
  return [value >> 8, value & 0xff];
}

const uint24 = (value: number): number[] => [value >> 16, (value >> 8) & 0xff, value & 0xff];

function requireWithin(field: string, value: number, least: number, most: number): void {
  if (!Number.isInteger(value) || value < least || value > most)
    throw new FrameError(`${field}: ${value} is not ${least} to ${most}`);
}
