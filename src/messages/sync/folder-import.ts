import { existsSync } from "node:fs";
import { BundleError, MAX_LIFETIME_S } from "../bundle/bundle.ts";
import { decodeBundle, idOfEncoded } from "../bundle/bundle-codec.ts";
import type { Custody, RefusalReason, Source, Taken } from "../custody/custody.ts";
import type { BatchRecord } from "./batch-file.ts";
import { batchesIn, messagesFolder, mustBeFolder, readBatch } from "./bundle-folder.ts";

/** Handed to custody at once: its commits are for many. */
const AT_ONCE = 64;
/** A file with more that is no bundle is left: nobody's box may be kept busy by a stick. */
const MAX_MALFORMED = 100;
/** Tried again when the rest is in: the certificates of those who signed them may have come with it. */
const MAX_TRIED_AGAIN = 10_000;
/** Nothing lives longer: one of the two clocks is wrong. */
const LONGEST_ON_THE_WAY_S = MAX_LIFETIME_S;

type Take = () => Promise<Taken>;

export interface ImportOptions {
  custody: Pick<Custody, "knows" | "take">;
  /** The folder of messages, or what it is in. */
  folder: string;
  /** Names the stick for quotas. */
  label: string;
  /** Seconds since 1970; 0 while this box's clock is not trusted. */
  nowS: () => number;
}

export interface ImportReport {
  taken: number;
  known: number;
  refused: number;
  /** Why, and how often. */
  reasons: Partial<Record<RefusalReason, number>>;
  /** Files that are none of ours, or of which a part was torn or changed. */
  damagedFiles: number;
}

/**
 * Takes what is in a folder of bundles into custody. What was taken is on the medium, and known the next time: an import that
 * was cut off goes on where it ended when it is done again.
 *
 * A bundle has aged on its way by an unknown time. Where both boxes trust their clocks, the time between export and import is
 * added, up to half of what the bundle had left: one of the two clocks may be wrong all the same, and must not make a call for
 * help expire. Otherwise it goes on from the age at the export, and lives longer than it should by the time on the way.
 * @throws {FolderError}
 */
export async function importFolder(options: ImportOptions): Promise<ImportReport> {
  const { custody, label, nowS } = options;
  const inside = messagesFolder(options.folder);
  const folder = existsSync(inside) ? inside : options.folder;
  await mustBeFolder(folder);
  const source: Source = { by: "folder", label };
  const report: ImportReport = { taken: 0, known: 0, refused: 0, reasons: {}, damagedFiles: 0 };
  const { names } = await batchesIn(folder);
  const notYet: Take[] = [];
  for (const { name } of names) {
    const batch = await readBatch(folder, name);
    if (batch === undefined || batch.damaged) report.damagedFiles += 1;
    if (batch === undefined) continue;
    const onTheWayS = timeOnTheWayS(batch.writtenS, nowS());
    const take = ({ ageS, encoded }: BatchRecord) =>
      custody.take(encoded, (ageS + countedS(onTheWayS, ageS, encoded)) * 1_000, source);
    await takeAll(batch.records, custody, take, report, notYet);
  }
  for (const again of notYet) count(await again(), report);
  return report;
}

function timeOnTheWayS(writtenS: number, nowS: number): number {
  if (writtenS === 0 || nowS === 0) return 0;
  const onTheWayS = Math.max(0, Math.floor(nowS - writtenS));
  return onTheWayS > LONGEST_ON_THE_WAY_S ? 0 : onTheWayS;
}

function countedS(onTheWayS: number, ageS: number, encoded: Uint8Array): number {
  if (onTheWayS === 0) return 0;
  try {
    const leftS = decodeBundle(encoded).lifetimeS - ageS;
    return Math.min(onTheWayS, Math.max(0, Math.floor(leftS / 2)));
  } catch (error) {
    // Custody says what is wrong with it.
    if (error instanceof BundleError) return 0;
    throw error;
  }
}

async function takeAll(
  records: readonly BatchRecord[],
  custody: Pick<Custody, "knows">,
  take: (record: BatchRecord) => Promise<Taken>,
  report: ImportReport,
  notYet: Take[],
): Promise<void> {
  let malformed = 0;
  for (let from = 0; from < records.length && malformed <= MAX_MALFORMED; from += AT_ONCE) {
    const some = records.slice(from, from + AT_ONCE);
    const strange = some.filter(({ encoded }) => !custody.knows(idOfEncoded(encoded)));
    report.known += some.length - strange.length;
    for (const [index, taken] of (await Promise.all(strange.map(take))).entries()) {
      const record = strange[index];
      const isEarly = taken.state === "refused" && taken.reason === "not-allowed";
      if (isEarly && record && notYet.length < MAX_TRIED_AGAIN) notYet.push(() => take(record));
      else count(taken, report);
      if (taken.state === "refused" && taken.reason === "malformed") malformed += 1;
    }
    // Those who are known cost no waiting: others get their turn in between all the same.
    await new Promise((resolve) => setImmediate(resolve));
  }
}

function count(taken: Taken, report: ImportReport): void {
  if (taken.state === "new") report.taken += 1;
  else if (taken.state === "known") report.known += 1;
  else {
    report.refused += 1;
    report.reasons[taken.reason] = (report.reasons[taken.reason] ?? 0) + 1;
  }
}
