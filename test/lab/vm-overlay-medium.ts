import { mkdirSync, rmSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { run } from "../../src/host/run.ts";
import { isMounted, unmount } from "../../src/vm/overlay/mounts.ts";

const TIMEOUT_MS = 60_000;
const CHUNK_BYTES = 4_194_304;

/** A medium as a box has one, an SD card: a file system in a file, every byte of which can be looked at. */
export class RawMedium {
  readonly image: string;
  /** Where its file system is. */
  readonly at: string;

  constructor(
    folder: string,
    private readonly sizeMiB: number,
  ) {
    this.image = join(folder, "medium.img");
    this.at = join(folder, "medium");
  }

  async make(): Promise<void> {
    mkdirSync(this.at, { recursive: true });
    await run(["truncate", "--size", `${this.sizeMiB}M`, this.image]);
    await run(["mkfs.ext4", "-q", "-F", this.image], { timeoutMs: TIMEOUT_MS });
    await run(["mount", "-n", "-o", "loop", this.image, this.at], { timeoutMs: TIMEOUT_MS });
  }

  /** Whether a text is anywhere on it, in a file or in what is left of one. */
  async holds(text: string): Promise<boolean> {
    await run(["sync", "--file-system", this.at], { timeoutMs: TIMEOUT_MS });
    return holdsText(this.image, text);
  }

  async remove(): Promise<void> {
    if (isMounted(this.at)) await unmount(this.at);
    rmSync(this.image, { force: true });
  }
}

/** @param file may be a device */
export async function holdsText(file: string, text: string): Promise<boolean> {
  const wanted = Buffer.from(text);
  const handle = await open(file);
  try {
    // What lies across two pieces begins in the end of the first, which is kept.
    const piece = Buffer.alloc(CHUNK_BYTES + wanted.length);
    for (let kept = 0; ; ) {
      const { bytesRead } = await handle.read(piece, kept, CHUNK_BYTES);
      const length = kept + bytesRead;
      if (piece.subarray(0, length).includes(wanted)) return true;
      if (bytesRead === 0) return false;
      kept = Math.min(length, wanted.length);
      piece.copy(piece, 0, length - kept, length);
    }
  } finally {
    await handle.close();
  }
}

/** Writes a text into the disk, as a guest would, at a place that its image has too. */
export async function writeThrough(disk: string, text: string, folder: string): Promise<void> {
  const pattern = join(folder, "pattern");
  await Bun.write(pattern, `${text}\n`.repeat(Math.ceil(65_536 / (text.length + 1))).slice(0, 65_536));
  await run(["qemu-io", "-f", "qcow2", "-c", `write -s ${pattern} 1M 64k`, "-c", "flush", disk], {
    timeoutMs: TIMEOUT_MS,
  });
  rmSync(pattern);
}
