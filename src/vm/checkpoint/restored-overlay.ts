import { open } from "node:fs/promises";
import { run } from "../../host/run.ts";
import { CheckpointError } from "./checkpoint-error.ts";
import { bytesAt } from "./checkpoint-head.ts";

/** As far as a qcow2 file says it before its tables (qemu's docs/interop/qcow2.txt). */
export interface Qcow2Head {
  virtualBytes: number;
}

const MAGIC = 0x514649fb;
const FIXED_BYTES = 104;
/** Of the first cluster, which all of ours have: 64 KiB. */
const CLUSTER_BITS = 16;
/** "Backing file format name" and "feature name table"; any other says that more belongs to it than its own bytes. */
const HARMLESS_EXTENSIONS = [0xe2792aca, 0x6803f857];
const MAX_EXTENSIONS = 8;
const TIMEOUT_MS = 60_000;

/**
 * Reads the head of an overlay that came from elsewhere. Whoever opens a qcow2 file opens also what it names: another image
 * beneath it, a file with its data. So before anybody does, it is one that can name nothing but the first.
 * @throws {CheckpointError}
 */
export function readQcow2Head(start: Uint8Array): Qcow2Head {
  const fail = (why: string) => new CheckpointError("checkpoint.disk", why);
  if (start.length < FIXED_BYTES) throw fail("is too short");
  const view = new DataView(start.buffer, start.byteOffset, start.byteLength);
  const long = (at: number) => view.getUint32(at) * 2 ** 32 + view.getUint32(at + 4);
  if (view.getUint32(0) !== MAGIC || view.getUint32(4) !== 3) throw fail("is no qcow2 file of version 3");
  if (view.getUint32(20) !== CLUSTER_BITS) throw fail("has clusters of another size");
  if (view.getUint32(32) !== 0) throw fail("is encrypted");
  if (view.getUint32(60) !== 0) throw fail("has snapshots");
  // Bit 0: it was not closed, which QEMU sets right. A data file, another compression and all that is newer are others.
  if (long(72) > 1) throw fail("has a feature that no overlay of ours has");
  let at = view.getUint32(100);
  for (let count = 0; ; count += 1) {
    if (count > MAX_EXTENSIONS || at < FIXED_BYTES || at + 8 > start.length) throw fail("has a broken head");
    const [type, length] = [view.getUint32(at), view.getUint32(at + 4)];
    if (type === 0) return { virtualBytes: long(24) };
    if (!HARMLESS_EXTENSIONS.includes(type)) throw fail("has an extension that no overlay of ours has");
    at += 8 + Math.ceil(length / 8) * 8;
  }
}

/**
 * Lays an overlay that came from elsewhere upon this box's image. It may be another file, but is the same image.
 * @throws {CheckpointError} when it is no such overlay
 */
export async function adoptOverlay(path: string, base: string, diskMiB: number): Promise<void> {
  const file = await open(path, "r");
  const start = await bytesAt(file, 0, 2 ** CLUSTER_BITS).finally(() => file.close());
  const { virtualBytes } = readQcow2Head(start);
  if (virtualBytes !== diskMiB * 1_048_576)
    throw new CheckpointError("checkpoint.disk", `has ${virtualBytes} bytes, not ${diskMiB} MiB`);
  await run(["qemu-img", "rebase", "-u", "-f", "qcow2", "-F", "raw", "-b", base, path], {
    timeoutMs: TIMEOUT_MS,
  });
}
