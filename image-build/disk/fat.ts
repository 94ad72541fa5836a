import { mkdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { run } from "../../src/host/run.ts";
import { type Partition, SECTOR } from "./layout.ts";

/** A file of a FAT file system. */
export interface FatFile {
  path: string;
  bytes: Uint8Array;
}

export interface FatOptions {
  label: string;
  /** Of all files, since 1970. */
  seconds: number;
  /** A folder for what is made on the way. */
  work: string;
}

const TIMEOUT_MS = 120_000;

/** Makes a FAT32 file system in a file, the same for the same files, with neither root nor a loop device (mkfs.vfat(8), mcopy(1)). */
export async function makeFat(
  file: string,
  place: Partition,
  files: readonly FatFile[],
  options: FatOptions,
): Promise<void> {
  const { label, seconds, work } = options;
  const folder = join(work, `${place.name}.files`);
  rmSync(folder, { recursive: true, force: true });
  rmSync(file, { force: true });
  const folders = new Set<string>();
  for (const { path, bytes } of files) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), bytes);
    utimesSync(join(folder, path), seconds, seconds);
    for (let above = dirname(path); above !== "."; above = dirname(above)) folders.add(above);
  }
  for (const path of folders) utimesSync(join(folder, path), seconds, seconds);
  const env = { TZ: "UTC", LC_ALL: "C", SOURCE_DATE_EPOCH: String(seconds), PATH: withSbin() };
  const kib = (place.sectors * SECTOR) / 1024;
  await run(["mkfs.vfat", "-F", "32", "-s", "1", "-n", label, "--invariant", "-C", file, String(kib)], {
    env,
    timeoutMs: TIMEOUT_MS,
  });
  const tops = [...new Set(files.map(({ path }) => path.split("/")[0] ?? ""))].sort();
  if (tops.length === 0) return;
  await run(["mcopy", "-s", "-m", "-i", file, ...tops.map((top) => join(folder, top)), "::/"], {
    env,
    timeoutMs: TIMEOUT_MS,
  });
}

/** Debian keeps the programs for file systems where only root's PATH looks. */
export function withSbin(): string {
  return `${process.env.PATH ?? ""}:/usr/sbin:/sbin`;
}
