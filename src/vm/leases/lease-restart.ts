import { beginEnding, tearDownAgain } from "./lease-end.ts";
import { awaitStep } from "./lease-preparation.ts";
import { hasMachine, type LeaseAction, type LeaseEvent, type LeaseState } from "./lease-state.ts";
import { overTime, pass } from "./lease-time.ts";

/**
 * A next daemon. What was live is swept, unless this daemon takes it up: then it runs on only when it was verified anew. An end that
 * had begun keeps its reason.
 */
export function restart(
  state: LeaseState,
  { atMs, awayMs, isTakenUp }: Extract<LeaseEvent, { type: "restarted" }>,
  actions: LeaseAction[],
): void {
  pass(state, Math.max(0, awayMs));
  // The clock is another one.
  state.atMs = atMs;
  if (state.phase === "ending" || state.phase === "ended") {
    if (!state.isTornDown) tearDownAgain(state, actions, true);
    return;
  }
  const over = overTime({ ...state, silentMs: 0 });
  // Nobody could be heard meanwhile.
  state.silentMs = 0;
  if (over) beginEnding(state, over.outcome, over.why, actions);
  else if (isTakenUp && hasMachine(state)) takeUp(state, actions);
  else if (!isTakenUp || state.phase !== "checkpointed")
    beginEnding(state, "swept", "the box was restarted", actions);
}

function takeUp(state: LeaseState, actions: LeaseAction[]): void {
  if (state.phase === "suspended" && (state.isHeld || state.isPressed)) return;
  actions.push({ type: "suspend" });
  awaitStep(state, "verify", actions);
}
