import { beginEnding } from "./lease-end.ts";
import { awaitStep } from "./lease-preparation.ts";
import { hasMachine, type LeaseAction, type LeaseState } from "./lease-state.ts";
import { enter } from "./lease-time.ts";

/** By its requester. Who is held for what it did does not get away by it. */
export function askCheckpoint(state: LeaseState, actions: LeaseAction[]): void {
  if (hasMachine(state) && !state.isHeld) checkpoint(state, actions);
}

/** One that goes first needs the room. */
export function displace(
  state: LeaseState,
  withCheckpoint: boolean,
  why: string,
  actions: LeaseAction[],
): void {
  state.isDisplaced = true;
  if (state.phase === "checkpointing") {
    // It is on its way into a file already.
    state.why = why;
  } else if (withCheckpoint && hasMachine(state) && !state.isHeld) {
    state.why = why;
    checkpoint(state, actions);
  } else beginEnding(state, "displaced", why, actions);
}

function checkpoint(state: LeaseState, actions: LeaseAction[]): void {
  enter(state, "checkpointing");
  actions.push({ type: "checkpoint" });
}

export function saved(state: LeaseState, actions: LeaseAction[]): void {
  state.hasCheckpoint = true;
  if (state.isDisplaced) {
    beginEnding(state, "displaced", state.why, actions);
    return;
  }
  enter(state, "checkpointed");
  actions.push({ type: "tearDown" }, { type: "tell", what: { is: "checkpointed" } });
  actions.push({ type: "note", kind: "lease-checkpointed", why: "its requester asked for it" });
}

/** The machine is there as before, without a processor. */
export function notSaved(state: LeaseState, why: string, actions: LeaseAction[]): void {
  if (state.isDisplaced) {
    beginEnding(state, "displaced", `${state.why}; it could not be saved: ${why}`, actions);
    return;
  }
  actions.push({ type: "tell", what: { is: "notSaved", why } });
  awaitStep(state, "verify", actions);
}
