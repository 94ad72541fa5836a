/** A file of the kernel's first file system. */
export interface CpioFile {
  path: string;
  /** With its kind: 0o100755 a program, 0o120777 a link, 0o040755 a folder, as in stat(2). */
  mode: number;
  bytes: Uint8Array;
}

/**
 * An archive in the "newc" form (Linux, Documentation/driver-api/early-userspace/buffer-format.rst), root's, without times:
 * the same files give the same bytes.
 * @param files in an order in which folders come before what is in them
 */
export function cpio(files: readonly CpioFile[]): Uint8Array<ArrayBuffer> {
  const parts = [...files, { path: "TRAILER!!!", mode: 0, bytes: new Uint8Array(0) }].flatMap((file, index) =>
    member(file, index + 1),
  );
  return new Uint8Array(Buffer.concat(parts));
}

function member({ path, mode, bytes }: CpioFile, inode: number): Uint8Array[] {
  const name = Buffer.from(`${path}\0`);
  const links = 1;
  // The magic number; inode, mode, uid, gid, links, time, size, four numbers of devices, the name's length, a sum.
  const fields = [inode, mode, 0, 0, links, 0, bytes.length, 0, 0, 0, 0, name.length, 0];
  const head = Buffer.from(`070701${fields.map((field) => field.toString(16).padStart(8, "0")).join("")}`);
  return [head, name, padding(head.length + name.length), bytes, padding(bytes.length)];
}

const padding = (length: number): Uint8Array => new Uint8Array((4 - (length % 4)) % 4);
