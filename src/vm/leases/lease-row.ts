import { z } from "zod";
import type { LeaseOutcome, LeaseState } from "./lease-state.ts";
import { PREPARATION } from "./lease-state.ts";

/** What a lease used. Undefined: it could not be measured here. All of it only grows. */
export interface LeaseStatistics {
  cpuMs?: number | undefined;
  peakMemoryMiB?: number | undefined;
  /** Into the tunnel and out of it. */
  upBytes?: number | undefined;
  downBytes?: number | undefined;
  rogueAttempts?: number | undefined;
  energyMj?: number | undefined;
}

export const OUTCOMES = [
  "released",
  "expired",
  "silent",
  "punished",
  "displaced",
  "host",
  "failed",
  "swept",
  "refused",
] as const satisfies readonly LeaseOutcome[];

const ms = z.number().min(0);
const count = z.number().min(0).optional();

export const leaseStatistics: z.ZodType<LeaseStatistics> = z.strictObject({
  ...{ cpuMs: count, peakMemoryMiB: count, upBytes: count, downBytes: count },
  ...{ rogueAttempts: count, energyMj: count },
});

const limits = z.strictObject({
  ...{ durationMs: ms, waitMs: ms, prepareMs: ms, silentMs: ms },
  ...{ suspendMs: ms, checkpointMs: ms, endMs: ms },
});
const PHASES = [
  ...(["asked", "queued", "admitted", "preparing", "running", "suspended"] as const),
  ...(["checkpointing", "checkpointed", "ending", "ended"] as const),
] as const;
const flag = z.boolean();

/** As it lies on the medium: what a later version of the box would not understand is not taken up. */
const leaseState = z.strictObject({
  id: z.string().regex(/^[0-9a-f]{32}$/),
  requester: z.string(),
  limits,
  phase: z.enum(PHASES),
  atMs: z.number(),
  ...{ usedMs: ms, stageMs: ms, silentMs: ms, triedMs: ms },
  isCounting: flag,
  awaited: z.enum(PREPARATION).optional(),
  ...{ isRestored: flag, isGuestReady: flag, isPressed: flag, isHeld: flag },
  ...{ isDisplaced: flag, hasCheckpoint: flag, isStrangerNoted: flag, isTornDown: flag },
  outcome: z.enum(OUTCOMES).optional(),
  why: z.string(),
});

export const leaseStateText = (state: LeaseState): string => JSON.stringify(state);

/** @returns undefined where the text is none that this version has written */
export function parseLeaseState(text: string): LeaseState | undefined {
  try {
    const { awaited, outcome, ...rest } = leaseState.parse(JSON.parse(text));
    return { ...rest, awaited, outcome };
  } catch {
    return undefined;
  }
}

export function parseLeaseStatistics(text: string): LeaseStatistics {
  try {
    return leaseStatistics.parse(JSON.parse(text));
  } catch {
    return {}; // Figures alone: a lease does not depend on them.
  }
}
