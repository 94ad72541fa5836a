import type { FileHandle } from "node:fs/promises";
import { CheckpointError } from "./checkpoint-error.ts";
import {
  type CheckpointHeader,
  decodeCheckpointHeader,
  encodeCheckpointHeader,
  MAX_HEADER_BYTES,
} from "./checkpoint-header.ts";

/*
 * A checkpoint's file: a magic of 8 bytes, the header's length as 2 (big-endian), the header; then the state and the disk as
 * one stream in pieces of 64 KiB, each sealed (STREAM, eprint.iacr.org/2015/189, as age has it); then the signature of the
 * box that saved it. So its length follows from its header.
 */

const MAGIC = Buffer.from("OMVMCKP1");
const LENGTH_BYTES = 2;
export const PIECE_BYTES = 65_536;
export const TAG_BYTES = 16;
export const SIGNATURE_BYTES = 64;
const FRONT_BYTES = MAGIC.length + LENGTH_BYTES;
/** What of a file is enough to read its header. */
export const MAX_HEAD_BYTES = FRONT_BYTES + MAX_HEADER_BYTES;

/** What stands before the sealed part. */
export interface CheckpointHead {
  header: CheckpointHeader;
  /** All of it as it stands in the file, from the magic on: the sealed part and the signature depend on each byte. */
  bytes: Uint8Array;
}

/** @throws {CheckpointError} */
export function encodeCheckpointHead(header: CheckpointHeader): CheckpointHead {
  const encoded = encodeCheckpointHeader(header);
  const length = Buffer.alloc(LENGTH_BYTES);
  length.writeUInt16BE(encoded.length);
  return { header, bytes: Uint8Array.from(Buffer.concat([MAGIC, length, encoded])) };
}

/**
 * @param start of a file; more than its head is no matter
 * @throws {CheckpointError}
 */
export function decodeCheckpointHead(start: Uint8Array): CheckpointHead {
  const front = Buffer.from(start.subarray(0, FRONT_BYTES));
  if (front.length < FRONT_BYTES) throw new CheckpointError("checkpoint", "is cut off in its header");
  if (!front.subarray(0, MAGIC.length).equals(MAGIC))
    throw new CheckpointError("checkpoint", "is no such file");
  const end = FRONT_BYTES + front.readUInt16BE(MAGIC.length);
  if (end > MAX_HEAD_BYTES) throw new CheckpointError("checkpoint", "has too long a header");
  if (start.length < end) throw new CheckpointError("checkpoint", "is cut off in its header");
  const bytes = Uint8Array.from(start.subarray(0, end));
  return { header: decodeCheckpointHeader(bytes.subarray(FRONT_BYTES)), bytes };
}

export const plainBytes = ({ stateBytes, diskBytes }: CheckpointHeader): number => stateBytes + diskBytes;

/** Of the whole file. */
export const checkpointBytes = ({ header, bytes }: CheckpointHead): number => {
  const plain = plainBytes(header);
  return bytes.length + plain + Math.ceil(plain / PIECE_BYTES) * TAG_BYTES + SIGNATURE_BYTES;
};

/** @throws {CheckpointError}, and the file system's errors */
export async function readCheckpointHead(file: FileHandle): Promise<CheckpointHead> {
  return decodeCheckpointHead(await bytesAt(file, 0, MAX_HEAD_BYTES));
}

/** As many bytes as there are from there on, at most `length`. */
export async function bytesAt(file: FileHandle, from: number, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  let got = 0;
  while (got < length) {
    const { bytesRead } = await file.read(bytes, got, length - got, from + got);
    if (bytesRead === 0) break;
    got += bytesRead;
  }
  return bytes.subarray(0, got);
}

export async function writeAll(file: FileHandle, bytes: Uint8Array, at: number): Promise<void> {
  for (let written = 0; written < bytes.length; )
    written += (await file.write(bytes, written, bytes.length - written, at + written)).bytesWritten;
}
