import { closeSync, fstatSync, openSync, readSync } from "node:fs";

/** What a tar says of one file, and where in the tar it stands. */
export interface TarEntry {
  /** Without `./` before it and `/` behind it. */
  path: string;
  /** As in the tar: `0` a file, `1` a hard link, `2` a symbolic link, `5` a folder (pax(1), "ustar Interchange Format"). */
  type: string;
  /** Of links. */
  target: string;
  /** In bytes. */
  size: number;
  /** Its first header, its contents, and what comes after it. */
  start: number;
  contents: number;
  end: number;
}

export class TarError extends Error {
  override readonly name = "TarError";
}

const BLOCK = 512;
/** Of headers that give a name or attributes. */
const MOST_BYTES = 1_048_576;

/**
 * Lists a tar in a file: ustar with pax's extended headers and GNU's long names, as GNU tar and mmdebstrap write them.
 * @throws {TarError} where it is none, or ends too early
 */
export function readTar(file: string): TarEntry[] {
  const handle = openSync(file, "r");
  try {
    return [...entriesOf(handle, fstatSync(handle).size)];
  } finally {
    closeSync(handle);
  }
}

function* entriesOf(handle: number, bytes: number): Generator<TarEntry> {
  let start = 0;
  let given: Record<string, string> = {};
  for (let at = 0; at + BLOCK <= bytes; ) {
    const header = readAt(handle, at, BLOCK);
    if (header.every((byte) => byte === 0)) return;
    if (!isChecked(header)) throw new TarError(`no header at ${at}`);
    const type = String.fromCharCode(header[156] ?? 0).replace("\0", "0");
    const size = Number(given.size ?? numberIn(header, 124, 12));
    const contents = at + BLOCK;
    const end = contents + Math.ceil(size / BLOCK) * BLOCK;
    if (!Number.isSafeInteger(end) || end > bytes)
      throw new TarError(`the entry at ${at} ends behind the tar`);
    at = end;
    if ("xgLK".includes(type)) {
      if (size > MOST_BYTES) throw new TarError(`a header of ${size} bytes at ${contents}`);
      const text = readAt(handle, contents, size);
      if (type === "x") given = { ...given, ...paxRecords(text) };
      else if (type === "L") given = { ...given, path: stringIn(text, 0, size) };
      else if (type === "K") given = { ...given, linkpath: stringIn(text, 0, size) };
      continue;
    }
    const prefix = stringIn(header, 345, 155);
    const own = stringIn(header, 0, 100);
    const path = given.path ?? (prefix ? `${prefix}/${own}` : own);
    yield {
      path: plain(path),
      type,
      target: given.linkpath ?? stringIn(header, 157, 100),
      ...{ size, start, contents, end },
    };
    start = end;
    given = {};
  }
}

/** Of one entry's contents. */
export function readContents(file: string, { contents, size }: TarEntry): Buffer {
  const handle = openSync(file, "r");
  try {
    return readAt(handle, contents, size);
  } finally {
    closeSync(handle);
  }
}

export function plain(path: string): string {
  return path.replace(/^(?:\.?\/)+|^\.$|\/+$/g, "");
}

function readAt(handle: number, at: number, bytes: number): Buffer {
  const buffer = Buffer.alloc(bytes);
  for (let done = 0; done < bytes; ) {
    const read = readSync(handle, buffer, done, bytes - done, at + done);
    if (read === 0) throw new TarError(`the tar ends at ${at + done}`);
    done += read;
  }
  return buffer;
}

function stringIn(bytes: Buffer, at: number, length: number): string {
  const text = bytes.subarray(at, at + length).toString("utf8");
  const end = text.indexOf("\0");
  return end < 0 ? text : text.slice(0, end);
}

/** In octal digits, or with the first bit set in base 256 (GNU's). */
function numberIn(header: Buffer, at: number, length: number): number {
  if (((header[at] ?? 0) & 0x80) !== 0) return Number(header.readBigUInt64BE(at + length - 8));
  const text = stringIn(header, at, length).trim();
  return text === "" ? 0 : /^[0-7]+$/.test(text) ? Number.parseInt(text, 8) : Number.NaN;
}

/** The sum of the header's bytes, its own field as spaces. */
function isChecked(header: Buffer): boolean {
  const sum = header.reduce((sum, byte, index) => sum + (index >= 148 && index < 156 ? 0x20 : byte), 0);
  return numberIn(header, 148, 8) === sum;
}

/** "length key=value\n", the length in bytes with itself. */
function paxRecords(bytes: Buffer): Record<string, string> {
  const records: Record<string, string> = {};
  for (let at = 0; at < bytes.length; ) {
    const space = bytes.indexOf(0x20, at);
    const length = Number(bytes.subarray(at, space).toString("latin1"));
    if (space < 0 || !Number.isInteger(length) || length < 5 || at + length > bytes.length)
      throw new TarError("a broken record of pax");
    const record = bytes.subarray(space + 1, at + length - 1).toString("utf8");
    const equals = record.indexOf("=");
    records[record.slice(0, equals)] = record.slice(equals + 1);
    at += length;
  }
  return records;
}
