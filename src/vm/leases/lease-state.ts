import type { LeaseEnd } from "../request/index.ts";

/**
 * `asked`: nobody has decided; `queued`: there is no room yet, or the operator has not answered; `admitted`: allowed, and not yet
 * on the medium; `preparing`: see {@link PREPARATION}; `running`; `suspended`: there, without a processor; `checkpointing`: on its
 * way into a file; `checkpointed`: in a file, nothing runs; `ending`: being destroyed; `ended`: over for good.
 */
export type LeasePhase =
  | "asked"
  | "queued"
  | "admitted"
  | "preparing"
  | "running"
  | "suspended"
  | "checkpointing"
  | "checkpointed"
  | "ending"
  | "ended";

/** In this order, each after the one before: a machine gets a processor only when its namespace was found to be as it must. */
export const PREPARATION = ["network", "start", "verify", "resume", "guest"] as const;
export type PreparationStep = (typeof PREPARATION)[number];

/** `refused` is what was never allowed; the others are ends of a lease. */
export type LeaseOutcome = LeaseEnd | "refused";

export interface LeaseLimits {
  /** What was asked for and allowed. It counts from when the machine first ran, whatever happens to it. */
  durationMs: number;
  /** For an answer, and for room. */
  waitMs: number;
  /** For the time from the permission to a machine that can be used. */
  prepareMs: number;
  /** Without a keep-alive. */
  silentMs: number;
  /** At once; the host needs its memory as well. */
  suspendMs: number;
  checkpointMs: number;
  /** For the end. What is not gone after it is torn down again and again. */
  endMs: number;
}

/** Three missed keep-alives of 5 s. In emulation a guest takes some 10 s until it answers. */
export const USUAL_LIMITS: Omit<LeaseLimits, "durationMs"> = {
  waitMs: 600_000,
  prepareMs: 120_000,
  silentMs: 15_000,
  suspendMs: 600_000,
  // A machine's whole memory, on a medium that may be an SD card.
  checkpointMs: 180_000,
  endMs: 5_000,
};

/** Between two tries to tear down what would not go. */
export const TEAR_DOWN_AGAIN_MS = 2_000;

/**
 * One lease. No time in it is a date: what has passed is added up, event by event, so that neither a clock that jumps nor a restart
 * gives anything back.
 */
export interface LeaseState {
  readonly id: string;
  /** Whom it obeys. */
  readonly requester: string;
  readonly limits: LeaseLimits;
  phase: LeasePhase;
  /** On the monotonic clock: when it was last brought up to date. */
  atMs: number;
  /** Of its `durationMs`. */
  usedMs: number;
  /** Its time goes on: since its machine first ran, or would have, had the host not needed all for itself. */
  isCounting: boolean;
  /** In the present stage: waiting, being prepared, suspended, being checkpointed, ending. */
  stageMs: number;
  /** Since the requester was last heard. */
  silentMs: number;
  /** What is awaited of the preparation; undefined in any other phase. */
  awaited: PreparationStep | undefined;
  /** The machine is one that was saved, as another lease's. */
  isRestored: boolean;
  /** The guest had its keys and its time in an earlier preparation. */
  isGuestReady: boolean;
  /** The host needs its processor, so that it is to have none. */
  isPressed: boolean;
  /** It was suspended for what it did, and stays so. */
  isHeld: boolean;
  /** It is checkpointed to make room, not for its requester. */
  isDisplaced: boolean;
  /** It was saved, so that another lease can go on with it. */
  hasCheckpoint: boolean;
  /** A stranger tried to release it: said once, however often. */
  isStrangerNoted: boolean;
  outcome: LeaseOutcome | undefined;
  /** In words. */
  why: string;
  /** Nothing of it is left on the machine. */
  isTornDown: boolean;
  /** Since it was last torn down. */
  triedMs: number;
}

export type LeaseEvent = { /** On the monotonic clock. */ atMs: number } & (
  | { type: "allowed" | "queued" }
  | { type: "refused"; why: string }
  /** It stands on the medium that there is this lease: a daemon that is killed from now on leaves a trace of it. */
  | { type: "kept" }
  | { type: "prepared"; step: PreparationStep }
  | { type: "failed"; why: string }
  | { type: "keptAlive" | "released" | "checkpointAsked"; by: string }
  | { type: "tick" }
  | { type: "punished"; by: "suspension" | "end"; why: string }
  /** One that goes first needs the room. */
  | { type: "displaced"; withCheckpoint: boolean; why: string }
  | { type: "pressure" | "relief" }
  | { type: "checkpointed" }
  /** Its checkpoint; the machine is there as before, without a processor. */
  | { type: "notSaved"; why: string }
  /** Not by us. A guest that was shut down from within was so by its owner. */
  | { type: "vmGone"; isShutDown: boolean; why: string }
  /** Of the operator, or because the box stops. */
  | { type: "hostEnds"; why: string }
  | { type: "tornDown" }
  /** Another daemon. `awayMs`: what has passed meanwhile, as far as known; `isTakenUp`: what it had on this machine is there. */
  | { type: "restarted"; awayMs: number; isTakenUp: boolean }
);

/** To be carried out one after the other; but `destroy` and `tearDown` wait for nothing that is under way. */
export type LeaseAction =
  /** Bring its row onto the medium; comes back as `kept`. */
  | { type: "keep" }
  | { type: "prepareNetwork" }
  /** Without a processor. */
  | { type: "startPaused"; from: "image" | "checkpoint" }
  /** That its namespace is as it must be; comes back as `prepared`, or as `failed`. */
  | { type: "verify" }
  | { type: "resume" }
  | { type: "prepareGuest" }
  | { type: "suspend" }
  /** Suspend it and save it; what is left of it on the machine is torn down. Comes back as `checkpointed`, as `notSaved`, or as `failed`. */
  | { type: "checkpoint" }
  /** Without asking the guest. */
  | { type: "destroy" }
  /** Everything of it, whatever there is: it may have been done in part, or before. Comes back as `tornDown`. */
  | { type: "tearDown" }
  | { type: "tell"; what: LeaseNews }
  /** To who is not the lease's requester. */
  | { type: "refuse"; by: string; why: string }
  /** Something other than its end. */
  | {
      type: "note";
      kind: "lease-suspended" | "lease-resumed" | "lease-checkpointed" | "release-refused";
      why: string;
    }
  /** Its end, which the store journals once. */
  | { type: "journalEnd"; outcome: LeaseOutcome; why: string };

/** What the requester is told. */
export type LeaseNews =
  | { is: "queued" | "admitted" | "resumed" | "checkpointed" }
  /** @property hostKey the machine's own for SSH, type and base64, where it is known */
  | { is: "running"; hostKey?: string | undefined }
  | { is: "preparing"; step: PreparationStep }
  | { is: "suspended" | "notSaved"; why: string }
  | { is: "ended"; outcome: LeaseOutcome; why: string; hasCheckpoint: boolean };

/** A request that has just come. @param isRestored for a machine that was saved, and goes on */
export function newLease(
  lease: Pick<LeaseState, "id" | "requester" | "limits">,
  atMs: number,
  isRestored = false,
): LeaseState {
  return {
    ...lease,
    phase: "asked",
    atMs,
    ...{ usedMs: 0, stageMs: 0, silentMs: 0, triedMs: 0 },
    awaited: undefined,
    ...{ isCounting: false, isRestored, isGuestReady: false, isPressed: false, isHeld: false },
    ...{ isDisplaced: false, hasCheckpoint: false, isStrangerNoted: false, isTornDown: false },
    outcome: undefined,
    why: "",
  };
}

/** For a decision. */
export const isWaiting = ({ phase }: LeaseState): boolean => phase === "asked" || phase === "queued";

/** That can be saved. */
export const hasMachine = ({ phase }: LeaseState): boolean => phase === "running" || phase === "suspended";
