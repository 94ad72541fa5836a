import { type FileHandle, open, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { type BundleId, PRIORITIES } from "../bundle/bundle.ts";
import { idOfEncoded } from "../bundle/bundle-codec.ts";
import type { Custody, Outline } from "../custody/custody.ts";
import { encodeBatchHead, encodeBatchRecord, MAX_BATCH_BYTES } from "./batch-file.ts";
import {
  batchesIn,
  batchName,
  codeOf,
  FolderError,
  messagesFolder,
  openFolder,
  readBatch,
} from "./bundle-folder.ts";

/** Bundles that are read before others get their turn. */
const AT_ONCE = 100;

export interface ExportOptions {
  custody: Pick<Custody, "outline" | "get">;
  /** The folder of messages, or what it is to be in. */
  folder: string;
  /** Seconds since 1970; 0 while this box's clock is not trusted. */
  nowS: () => number;
}

export interface ExportReport {
  written: number;
  /** Were in the folder before. */
  there: number;
  /** For which there was no room. */
  left: number;
}

/**
 * Writes all that others should have into a folder, the most important first, without what is there already. It is on the medium
 * when this returns. Files are written aside and renamed; one that a kill or a pulled stick leaves half written stays as it
 * is, is read as far as it goes, and never written again: nothing in the folder is ever changed or deleted.
 * A full medium ends it: what fits is kept.
 * @throws {FolderError}
 */
export async function exportFolder({ custody, folder: named, nowS }: ExportOptions): Promise<ExportReport> {
  const folder = messagesFolder(named);
  await openFolder(folder);
  const { names, nextNumber } = await batchesIn(folder);
  const there = new Set<BundleId>();
  for (const { name } of names) {
    for (const { encoded } of (await readBatch(folder, name))?.records ?? []) there.add(idOfEncoded(encoded));
  }
  const missing = byImportance([...custody.outline()].filter(({ id }) => !there.has(id)));
  const report = { written: 0, there: there.size, left: 0 };
  let number = nextNumber;
  for await (const batch of batches(missing, custody, nowS)) {
    const { kept, isFull } = await writeBatch(folder, number, batch);
    report.written += kept;
    if (isFull) return { ...report, left: missing.length - report.written };
    number += 1;
  }
  return report;
}

const byImportance = (outlines: Outline[]): Outline[] =>
  outlines.sort((a, b) => PRIORITIES.indexOf(a.priority) - PRIORITIES.indexOf(b.priority));

/** Records that fit into one file together, its head before them. */
async function* batches(
  outlines: readonly Outline[],
  custody: Pick<Custody, "get">,
  nowS: () => number,
): AsyncGenerator<Uint8Array[]> {
  let batch: Uint8Array[] = [encodeBatchHead(Math.floor(nowS()))];
  let bytes = 0;
  for (const [index, { id }] of outlines.entries()) {
    if (index % AT_ONCE === 0) await new Promise((resolve) => setImmediate(resolve));
    const held = custody.get(id);
    // It has expired since.
    if (held === undefined) continue;
    const record = encodeBatchRecord({ ageS: Math.ceil(held.ageMs / 1_000), encoded: held.encoded });
    if (bytes + record.length > MAX_BATCH_BYTES - 100) {
      yield batch;
      batch = [encodeBatchHead(Math.floor(nowS()))];
      bytes = 0;
    }
    batch.push(record);
    bytes += record.length;
  }
  if (batch.length > 1) yield batch;
}

/** @returns how many records are on the medium, and whether it is full */
async function writeBatch(
  folder: string,
  number: number,
  [head = new Uint8Array(), ...records]: readonly Uint8Array[],
): Promise<{ kept: number; isFull: boolean }> {
  const path = join(folder, batchName(number));
  const aside = `${path}.part`;
  let file: FileHandle | undefined;
  try {
    // Never through a link, never over a file.
    file = await open(aside, "wx", 0o644);
    const written = await writeUntilFull(file, Buffer.concat([head, ...records]));
    const { kept, bytes } = wholeRecords(written, head, records);
    if (kept === 0) throw new FullError();
    if (bytes < written) await file.truncate(bytes);
    await file.sync();
    await file.close();
    file = undefined;
    await rename(aside, path);
    await syncFolder(folder);
    return { kept, isFull: kept < records.length };
  } catch (error) {
    await file?.close();
    if (file !== undefined) await rm(aside, { force: true });
    if (isFullError(error)) return { kept: 0, isFull: true };
    throw new FolderError(folder, String(error));
  }
}

class FullError extends Error {}

const isFullError = (error: unknown): boolean =>
  error instanceof FullError || ["ENOSPC", "EDQUOT", "EFBIG"].includes(codeOf(error));

/** @returns how many bytes were written */
async function writeUntilFull(file: FileHandle, bytes: Uint8Array): Promise<number> {
  let written = 0;
  try {
    while (written < bytes.length) {
      written += (await file.write(bytes, written, bytes.length - written, written)).bytesWritten;
    }
  } catch (error) {
    if (!isFullError(error)) throw error;
  }
  return written;
}

function wholeRecords(
  written: number,
  head: Uint8Array,
  records: readonly Uint8Array[],
): { kept: number; bytes: number } {
  let bytes = head.length;
  let kept = 0;
  for (const record of records) {
    if (bytes + record.length > written) break;
    bytes += record.length;
    kept += 1;
  }
  return { kept, bytes };
}

/** Some file systems of sticks cannot sync a folder; then its files are all that can be synced. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } catch (error) {
    if (!["EINVAL", "ENOTSUP"].includes(codeOf(error))) throw error;
  } finally {
    await handle.close();
  }
}
