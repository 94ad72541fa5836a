import type { LeaseOutcome, LeasePhase, LeaseState } from "./lease-state.ts";

/** Phases that share one limit: who goes from one to the other of the same is given no new time. */
const STAGES: Partial<Record<LeasePhase, string>> = {
  asked: "waiting",
  queued: "waiting",
  admitted: "preparing",
  preparing: "preparing",
};

const stageOf = (phase: LeasePhase): string => STAGES[phase] ?? phase;

export function enter(state: LeaseState, phase: LeasePhase): void {
  if (stageOf(phase) !== stageOf(state.phase)) state.stageMs = 0;
  if (phase !== "preparing") state.awaited = undefined;
  state.phase = phase;
}

/** Brings what has passed up to date. An event that is older than the last is taken to be as old. */
export function pass(state: LeaseState, ms: number): void {
  if (state.phase === "ended") {
    state.triedMs += ms;
    return;
  }
  state.stageMs += ms;
  state.triedMs += ms;
  if (state.phase === "ending") return;
  // In a file it is nobody's task to keep it alive: its requester may be on the way to another box with it.
  state.silentMs = state.phase === "checkpointed" ? 0 : state.silentMs + ms;
  if (state.isCounting) state.usedMs += ms;
}

/** What a lease ends by when all of its time, or that of its stage, is over. */
export function overTime(state: LeaseState): { outcome: LeaseOutcome; why: string } | undefined {
  const { phase, limits } = state;
  if (phase === "ending" || phase === "ended") return undefined;
  if (state.usedMs >= limits.durationMs) return { outcome: "expired", why: "its time is over" };
  if (state.silentMs >= limits.silentMs)
    return { outcome: "silent", why: "nothing was heard of its requester" };
  const isLonger = (ms: number) => state.stageMs >= ms;
  switch (stageOf(phase)) {
    case "waiting":
      return isLonger(limits.waitMs)
        ? { outcome: "refused", why: "nothing could be given in time" }
        : undefined;
    case "preparing":
      if (!isLonger(limits.prepareMs)) return undefined;
      return { outcome: "failed", why: `it was not prepared in time (${state.awaited ?? "medium"})` };
    case "suspended":
      if (!isLonger(limits.suspendMs)) return undefined;
      return state.isHeld
        ? { outcome: "punished", why: state.why }
        : { outcome: "host", why: "it was suspended for too long" };
    case "checkpointing":
      if (!isLonger(limits.checkpointMs)) return undefined;
      return state.isDisplaced
        ? { outcome: "displaced", why: `${state.why}; it could not be saved in time` }
        : { outcome: "failed", why: "it could not be saved in time" };
    default:
      return undefined;
  }
}
