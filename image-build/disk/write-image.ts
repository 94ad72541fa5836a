import { closeSync, ftruncateSync, openSync, readSync, rmSync, writeSync } from "node:fs";
import { DISK_SECTORS, type Partition, partition, SECTOR } from "./layout.ts";
import type { Placed } from "./partition-table.ts";

const CHUNK = 1_048_576;
const ZEROS = Buffer.alloc(CHUNK);

/**
 * Puts the image together; what is zero stays a hole in the file.
 * @param parts what stands outside of partitions
 * @param contents files with what goes into partitions
 * @throws {Error} when one is larger than its partition
 */
export function writeImage(
  file: string,
  parts: readonly Placed[],
  contents: readonly (readonly [Partition["name"], string])[],
): void {
  rmSync(file, { force: true });
  const handle = openSync(file, "w+");
  try {
    ftruncateSync(handle, DISK_SECTORS * SECTOR);
    for (const { at, bytes } of parts) writeSync(handle, bytes, 0, bytes.length, at * SECTOR);
    for (const [name, from] of contents) copyInto(handle, from, partition(name));
  } finally {
    closeSync(handle);
  }
}

function copyInto(handle: number, from: string, place: Partition): void {
  const source = openSync(from, "r");
  const chunk = Buffer.alloc(CHUNK);
  try {
    for (let at = 0; ; ) {
      const read = readSync(source, chunk, 0, CHUNK, at);
      if (read === 0) return;
      if (at + read > place.sectors * SECTOR)
        throw new Error(`${from} does not fit into ${place.name} of ${(place.sectors * SECTOR) / CHUNK} MiB`);
      const bytes = chunk.subarray(0, read);
      if (!bytes.equals(ZEROS.subarray(0, read)))
        writeSync(handle, bytes, 0, read, place.start * SECTOR + at);
      at += read;
    }
  } finally {
    closeSync(source);
  }
}
