import type { AirtimeLedger } from "./airtime-ledger.ts";

const HOUR_MS = 3_600_000;

/** Firmware rounds its share; what is less than this is no transmission. */
const SHORTEST_MS = 50;

/**
 * What a firmware says to have sent in the last hour beyond what the ledger knows of: packets that it repeated for
 * others, acknowledgements, its own announcements.
 * @param share of the last hour, 0 to 1; undefined where the firmware does not tell
 * @returns milliseconds; 0 in a sub-band without a limit over an hour
 */
export function unaccountedMs(ledger: AirtimeLedger, share: number | undefined, nowMs: number): number {
  const limit = ledger.subBand.limits.find(({ windowMs }) => windowMs === HOUR_MS);
  if (!limit || share === undefined) return 0;
  const moreMs = Math.min(share, 1) * HOUR_MS - ledger.usedMs(limit, nowMs);
  return moreMs >= SHORTEST_MS ? moreMs : 0;
}
