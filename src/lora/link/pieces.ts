import { crc32 } from "node:zlib";
import { MAX_PIECES, PIECE_HEADER_BYTES, WHOLE_HEADER_BYTES } from "./frame.ts";

/** A message in many pieces ends with the CRC-32 of what is before it (ISO-HDLC, as in zlib), big-endian. */
const CHECK_BYTES = 4;

/** The bodies of a message's frames, none longer than a frame of `maxFrameBytes` holds. */
export function split(message: Uint8Array, maxFrameBytes: number): Uint8Array[] {
  if (message.length <= maxFrameBytes - WHOLE_HEADER_BYTES) return [message];
  const checked = new Uint8Array(message.length + CHECK_BYTES);
  checked.set(message);
  new DataView(checked.buffer).setUint32(message.length, crc32(message));
  const count = Math.ceil(checked.length / (maxFrameBytes - PIECE_HEADER_BYTES));
  // Of one size, so that the last is no stub that costs a preamble of its own.
  const size = Math.ceil(checked.length / count);
  return Array.from({ length: count }, (_, index) => checked.subarray(index * size, (index + 1) * size));
}

/** The most bytes that a message may have, to be sent by frames of this size. */
export const maxMessageBytes = (maxFrameBytes: number): number =>
  MAX_PIECES * (maxFrameBytes - PIECE_HEADER_BYTES) - CHECK_BYTES;

/** A message from its pieces. @returns undefined when they are not of one message */
export function join(pieces: readonly Uint8Array[]): Uint8Array | undefined {
  const [only] = pieces;
  if (pieces.length === 1) return only;
  const checked = new Uint8Array(Buffer.concat(pieces));
  const end = checked.length - CHECK_BYTES;
  if (end < 0) return undefined;
  const message = checked.subarray(0, end);
  return new DataView(checked.buffer).getUint32(end) === crc32(message) ? message : undefined;
}
