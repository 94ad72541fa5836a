import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { z } from "zod";
import { type Reading, TIME_SOURCES } from "./time-source.ts";

const kept = z.strictObject({
  bootId: z.string(),
  /** The monotonic clock is the daemon's own: what is kept is on the time since boot. */
  reading: z
    .strictObject({
      source: z.enum(TIME_SOURCES),
      epochMs: z.number(),
      heardMs: z.number(),
      uncertaintyMs: z.number().min(0),
      voices: z.number().optional(),
      hops: z.number().optional(),
    })
    .optional(),
});

/** The time since boot less the monotonic clock, in ms. */
export interface BootOffset {
  bootId: string;
  aheadMs: number;
}

/**
 * Kept for the next daemon of this boot, in the run folder: a daemon that is started anew must not let phones move a clock that
 * satellites have set. After a boot nothing of it holds.
 */
export function keepStanding(
  file: string,
  reading: Reading | undefined,
  { bootId, aheadMs }: BootOffset,
): void {
  const moved = reading && {
    ...reading,
    epochMs: reading.epochMs - aheadMs,
    heardMs: reading.heardMs + aheadMs,
  };
  writeFileSync(`${file}.new`, JSON.stringify({ bootId, reading: moved }), { mode: 0o600 });
  renameSync(`${file}.new`, file);
}

/** @returns nothing where nothing was kept in this boot */
export function keptStanding(file: string, { bootId, aheadMs }: BootOffset): Reading | undefined {
  try {
    const { reading, ...rest } = kept.parse(JSON.parse(readFileSync(file, "utf8")));
    if (rest.bootId !== bootId) return undefined;
    return (
      reading && {
        ...reading,
        epochMs: reading.epochMs + aheadMs,
        heardMs: reading.heardMs - aheadMs,
      }
    );
  } catch {
    // Not there, or torn: the sources will tell it again.
    return undefined;
  }
}
