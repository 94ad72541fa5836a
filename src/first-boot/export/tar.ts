/** A file of an archive. */
export interface TarEntry {
  /** Relative, at most 100 bytes. */
  path: string;
  bytes: Uint8Array;
}

const BLOCK = 512;
const MAX_PATH_BYTES = 100;
/** Of root alone, as it was. */
const MODE = 0o600;

/** A name that the archive's format has no room for. */
export class TarPathError extends Error {
  override readonly name = "TarPathError";
}

/**
 * A file in an archive, in the format of POSIX.1-1988 (pax(1), "ustar Interchange Format"), which every tar reads.
 * @param seconds its time, since 1970
 * @throws {TarPathError}
 */
export function tarred({ path, bytes }: TarEntry, seconds: number): Uint8Array {
  if (Buffer.byteLength(path) > MAX_PATH_BYTES || path.startsWith("/"))
    throw new TarPathError(`path: ${path} is longer than ${MAX_PATH_BYTES} bytes, or absolute`);
  const padding = (BLOCK - (bytes.length % BLOCK)) % BLOCK;
  const block = Buffer.alloc(BLOCK + bytes.length + padding);
  const octal = (value: number, at: number, length: number) =>
    block.write(
      `${Math.floor(value)
        .toString(8)
        .padStart(length - 1, "0")}\0`,
      at,
      "latin1",
    );
  block.write(path, 0);
  octal(MODE, 100, 8);
  octal(0, 108, 8);
  octal(0, 116, 8);
  octal(bytes.length, 124, 12);
  octal(Math.max(0, seconds), 136, 12);
  block.write("        ", 148, "latin1");
  block.write("0ustar\u000000root", 156, "latin1");
  block.write("root", 297, "latin1");
  let sum = 0;
  for (const byte of block.subarray(0, BLOCK)) sum += byte;
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  block.set(bytes, BLOCK);
  return block;
}

/** What stands behind the last file. */
export const TAR_END = new Uint8Array(2 * BLOCK);
