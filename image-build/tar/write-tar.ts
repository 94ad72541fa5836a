/** A file to be, root's. */
export interface TarFile {
  /** Without `/` before it. */
  path: string;
  /** A folder, what a symbolic link points to, or a file's contents: bytes, or a file of this machine. */
  is: { folder: true } | { link: string } | { bytes: Uint8Array } | { from: string };
  /** Permissions. Default: 0o755 for folders and programs, 0o644 else. */
  mode?: number;
}

const BLOCK = 512;

/**
 * Writes files as pax(1) does, with root as their owner.
 * @param write gets the tar piece by piece
 * @param seconds the time of all, since 1970
 */
export async function writeFiles(
  files: readonly TarFile[],
  write: (chunk: Uint8Array) => Promise<void>,
  seconds: number,
): Promise<void> {
  for (const { path, is, mode } of files) {
    if ("folder" in is) await write(header({ path: `${path}/`, type: "5", mode: mode ?? 0o755, seconds }));
    else if ("link" in is) await write(header({ path, type: "2", target: is.link, mode: 0o777, seconds }));
    else {
      const bytes = "bytes" in is ? is.bytes : await Bun.file(is.from).bytes();
      await write(header({ path, type: "0", size: bytes.length, mode: mode ?? 0o644, seconds }));
      await write(bytes);
      await write(new Uint8Array((BLOCK - (bytes.length % BLOCK)) % BLOCK));
    }
  }
}

/** Two empty blocks. */
export const TAR_END = new Uint8Array(2 * BLOCK);

interface HeaderFields {
  path: string;
  type: string;
  mode: number;
  seconds: number;
  size?: number;
  target?: string;
}

function header({ path, type, mode, seconds, size = 0, target = "" }: HeaderFields): Uint8Array {
  const records = [
    ...(Buffer.byteLength(path) > 100 ? [paxRecord("path", path)] : []),
    ...(Buffer.byteLength(target) > 100 ? [paxRecord("linkpath", target)] : []),
  ].join("");
  const own = block(path, type, mode, seconds, size, target);
  if (records === "") return own;
  const text = Buffer.from(records);
  const padded = Buffer.alloc(Math.ceil(text.length / BLOCK) * BLOCK);
  padded.set(text);
  return Buffer.concat([block("pax", "x", 0o644, seconds, text.length, ""), padded, own]);
}

function block(
  path: string,
  type: string,
  mode: number,
  seconds: number,
  size: number,
  target: string,
): Buffer {
  const header = Buffer.alloc(BLOCK);
  const octal = (value: number, at: number, digits: number) =>
    header.write(`${value.toString(8).padStart(digits, "0")}\0`, at, "latin1");
  header.set(Buffer.from(path).subarray(0, 100), 0);
  octal(mode, 100, 7);
  octal(0, 108, 7);
  octal(0, 116, 7);
  octal(size, 124, 11);
  octal(seconds, 136, 11);
  header.write("        ", 148, "latin1");
  header.write(type, 156, "latin1");
  header.set(Buffer.from(target).subarray(0, 100), 157);
  header.write("ustar\x0000", 257, "latin1");
  header.write("root", 265, "latin1");
  header.write("root", 297, "latin1");
  const sum = header.reduce((sum, byte) => sum + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return header;
}

function paxRecord(key: string, value: string): string {
  const rest = Buffer.byteLength(` ${key}=${value}\n`);
  // The length counts its own digits.
  let length = rest + 1;
  while (String(length).length + rest !== length) length = String(length).length + rest;
  return `${length} ${key}=${value}\n`;
}
