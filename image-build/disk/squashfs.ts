import { rmSync } from "node:fs";
import type { Progress } from "../host/progress.ts";
import { runLong } from "../host/run-long.ts";

export interface SquashfsOptions {
  /** Of all files, since 1970. */
  seconds: number;
  /** Of zstd, 1 to 22: how much time the image's size is worth. */
  level: number;
  progress: Progress;
}

/**
 * Makes a squashfs from a tar, so that nobody has to be root for files that are root's (mksquashfs(1)).
 * @param write writes the tar
 */
export async function makeSquashfs(
  file: string,
  write: (chunk: (bytes: Uint8Array) => Promise<void>) => Promise<void>,
  { seconds, level, progress }: SquashfsOptions,
): Promise<void> {
  rmSync(file, { force: true });
  // The root is its builder's, whatever the options say (mksquashfs 4.5): so that has to be root, if only by name.
  const asRoot = process.getuid?.() === 0 ? [] : ["unshare", "--user", "--map-root-user"];
  await runLong(
    [
      ...asRoot,
      // With that beside its own options it refuses to begin.
      ...["env", "-u", "SOURCE_DATE_EPOCH"],
      ...["mksquashfs", "-", file, "-tar", "-noappend", "-no-progress", "-quiet"],
      ...["-comp", "zstd", "-Xcompression-level", String(level), "-b", "256K"],
      ...["-all-time", String(seconds), "-mkfs-time", String(seconds)],
      "-no-exports",
      // Everybody's to write otherwise.
      ...["-root-mode", "0755"],
    ],
    { progress, input: write, timeoutMs: 3_600_000 },
  );
}
