import { type FileHandle, open, rm } from "node:fs/promises";

/** A file that libvirt could not restore, or a header that it could not read. */
export class SaveFileError extends Error {
  override readonly name = "SaveFileError";
}

/**
 * What stands before the guest's state in a file that libvirt has saved (libvirt's src/qemu/qemu_saveimage.h): the
 * domain it is restored as. libvirt will not restore it under another name; with another header it does.
 */
export interface SaveHeader {
  /** 1 or 2. */
  version: number;
  /** Whether libvirt lets it run as soon as it is restored. */
  wasRunning: boolean;
  /** How the state is packed: 0 raw, 1 gzip, 2 bzip2, 3 xz, 4 lzop, 5 zstd, 6 sparse. */
  format: number;
  /** The domain. */
  xml: string;
  /** What libvirt noted beside it (CPU, features), an XML document too. */
  cookie: string | undefined;
  /** Zero bytes after them. libvirt leaves 64 KiB, so that a longer domain fits in. */
  paddingBytes: number;
}

const MAGIC = "LibvirtQemudSave";
const UNFINISHED_MAGIC = "LibvirtQemudPart";
/** Magic, five numbers and fourteen unused ones, in the byte order of the machine: little-endian on all that are lent. */
const FIXED_BYTES = 16 + 5 * 4 + 14 * 4;
/** Of domain, cookie and padding. A domain of ours has 4 KiB, libvirt's own limit for one is 4 MiB. */
const MAX_DATA_BYTES = 4 * 1024 * 1024;
const MAX_FORMAT = 6;

/** @throws {SaveFileError} for what the reader would refuse */
export function encodeSaveHeader(header: SaveHeader): Uint8Array {
  const { version, wasRunning, format, xml, cookie, paddingBytes } = header;
  if (version !== 1 && version !== 2) throw new SaveFileError(`version ${version} is not known`);
  if (!Number.isInteger(format) || format < 0 || format > MAX_FORMAT)
    throw new SaveFileError(`format ${format} is not known`);
  if (!Number.isInteger(paddingBytes) || paddingBytes < 0)
    throw new SaveFileError("paddingBytes must be a count");
  const domain = terminated(xml, "domain");
  const rest = cookie === undefined ? new Uint8Array() : terminated(cookie, "cookie");
  const length = domain.length + rest.length + paddingBytes;
  if (length > MAX_DATA_BYTES) throw new SaveFileError(`a header of ${length} bytes is too long`);
  const bytes = new Uint8Array(FIXED_BYTES + length);
  const view = new DataView(bytes.buffer);
  bytes.set(new TextEncoder().encode(MAGIC));
  view.setUint32(16, version, true);
  view.setUint32(20, length, true);
  view.setUint32(24, wasRunning ? 1 : 0, true);
  view.setUint32(28, format, true);
  view.setUint32(32, cookie === undefined ? 0 : domain.length, true);
  bytes.set(domain, FIXED_BYTES);
  bytes.set(rest, FIXED_BYTES + domain.length);
  return bytes;
}

function terminated(text: string, what: string): Uint8Array {
  const bytes = new TextEncoder().encode(`${text}\0`);
  if (bytes.length === 1) throw new SaveFileError(`the ${what} is empty`);
  if (bytes.indexOf(0) !== bytes.length - 1 || !text.isWellFormed())
    throw new SaveFileError(`the ${what} is no text`);
  return bytes;
}

/**
 * How many bytes the whole header has, by its first 92.
 * @throws {SaveFileError}
 */
export function saveHeaderLength(start: Uint8Array): number {
  if (start.length < FIXED_BYTES) throw new SaveFileError("it is too short");
  const magic = new TextDecoder("latin1").decode(start.subarray(0, 16));
  if (magic === UNFINISHED_MAGIC) throw new SaveFileError("it was not saved to the end");
  if (magic !== MAGIC) throw new SaveFileError("it is not libvirt's");
  const length = new DataView(start.buffer, start.byteOffset).getUint32(20, true);
  if (length < 2 || length > MAX_DATA_BYTES) throw new SaveFileError(`a header of ${length} bytes`);
  return FIXED_BYTES + length;
}

/**
 * @param bytes the header, or more of the file
 * @throws {SaveFileError} for what libvirt would refuse, and for what it would read but never writes
 */
export function decodeSaveHeader(bytes: Uint8Array): SaveHeader {
  const end = saveHeaderLength(bytes);
  if (bytes.length < end) throw new SaveFileError("its header is cut off");
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const [version, running, format, cookieOffset] = [16, 24, 28, 32].map((at) => view.getUint32(at, true)) as [
    number,
    number,
    number,
    number,
  ];
  if (version !== 1 && version !== 2) throw new SaveFileError(`version ${version} is not known`);
  if (running > 1) throw new SaveFileError(`whether it runs is ${running}`);
  if (format > MAX_FORMAT) throw new SaveFileError(`format ${format} is not known`);
  if (bytes.subarray(36, FIXED_BYTES).some((byte) => byte !== 0))
    throw new SaveFileError("a field that is not known is in use");
  const data = bytes.subarray(FIXED_BYTES, end);
  const xml = textAt(data, 0, "domain");
  const hasCookie = cookieOffset !== 0;
  if (hasCookie && cookieOffset !== xml.end) throw new SaveFileError("the cookie is not after the domain");
  const cookie = hasCookie ? textAt(data, cookieOffset, "cookie") : undefined;
  const padding = data.subarray(cookie?.end ?? xml.end);
  if (padding.some((byte) => byte !== 0)) throw new SaveFileError("the padding is not empty");
  return {
    version,
    wasRunning: running === 1,
    format,
    xml: xml.text,
    cookie: cookie?.text,
    paddingBytes: padding.length,
  };
}

function textAt(data: Uint8Array, start: number, what: string): { text: string; end: number } {
  const end = data.indexOf(0, start);
  if (end <= start) throw new SaveFileError(`the ${what} has no ${end < 0 ? "end" : "text"}`);
  try {
    // With a byte-order mark kept, what is read is what stands there.
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(data.subarray(start, end));
    return { text, end: end + 1 };
  } catch {
    throw new SaveFileError(`the ${what} is no UTF-8`);
  }
}

/** @throws {SaveFileError}, and the file system's errors */
export async function readSaveHeader(path: string): Promise<SaveHeader> {
  const file = await open(path, "r");
  try {
    return (await headerOf(file)).header;
  } finally {
    await file.close();
  }
}

/**
 * Where QEMU's own stream begins in a file that libvirt has saved: what stands before it is libvirt's.
 * @throws {SaveFileError} also where the stream is packed, and the file system's errors
 */
export async function savedStateOf(path: string): Promise<number> {
  const file = await open(path, "r");
  try {
    const { header, stateAt } = await headerOf(file);
    if (header.format !== 0) throw new SaveFileError("its state is packed");
    return stateAt;
  } finally {
    await file.close();
  }
}

async function headerOf(file: FileHandle): Promise<{ header: SaveHeader; stateAt: number }> {
  const stateAt = saveHeaderLength(await bytesOf(file, FIXED_BYTES));
  return { header: decodeSaveHeader(await bytesOf(file, stateAt)), stateAt };
}

/** The first `length` bytes of a file, or what it has. */
async function bytesOf(file: FileHandle, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  let got = 0;
  while (got < length) {
    const { bytesRead } = await file.read(bytes, got, length - got, got);
    if (bytesRead === 0) break;
    got += bytesRead;
  }
  return bytes.subarray(0, got);
}

const COPY_BYTES = 1024 * 1024;

/**
 * Writes a saved machine anew with another header; its state is copied as it is, a piece at a time. Restored, it is
 * paused if the header says so.
 * @param target made anew, mode 0600, and removed when it fails; there must be no such file yet
 * @throws {SaveFileError}, and the file system's errors
 */
export async function rewriteSaveFile(
  source: string,
  target: string,
  change: (header: SaveHeader) => SaveHeader,
): Promise<void> {
  const from = await open(source, "r");
  try {
    const { header, stateAt } = await headerOf(from);
    const bytes = encodeSaveHeader(change(header));
    const to = await open(target, "wx", 0o600);
    try {
      await writeAll(to, bytes);
      await copyRest(from, stateAt, to);
      await to.close();
    } catch (error) {
      await to.close().catch(() => undefined);
      await rm(target, { force: true });
      throw error;
    }
  } finally {
    await from.close();
  }
}

async function copyRest(from: FileHandle, start: number, to: FileHandle): Promise<void> {
  const piece = new Uint8Array(COPY_BYTES);
  for (let at = start; ; ) {
    const { bytesRead } = await from.read(piece, 0, piece.length, at);
    if (bytesRead === 0) return;
    at += bytesRead;
    await writeAll(to, piece.subarray(0, bytesRead));
  }
}

async function writeAll(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let written = 0; written < bytes.length; ) {
    written += (await file.write(bytes, written)).bytesWritten;
  }
}
