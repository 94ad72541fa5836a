import {
  type LeaseAction,
  type LeaseEvent,
  type LeaseOutcome,
  type LeaseState,
  TEAR_DOWN_AGAIN_MS,
} from "./lease-state.ts";
import { enter } from "./lease-time.ts";

/** The first reason is the one that stays. */
export function beginEnding(
  state: LeaseState,
  outcome: LeaseOutcome,
  why: string,
  actions: LeaseAction[],
): void {
  state.outcome = outcome;
  state.why = why;
  const hasNothing = state.phase === "asked" || state.phase === "queued" || state.phase === "admitted";
  if (hasNothing) {
    state.isTornDown = true;
    finish(state, actions);
    return;
  }
  enter(state, "ending");
  state.triedMs = 0;
  actions.push({ type: "destroy" }, { type: "tearDown" });
}

/** Once for each lease. */
function finish(state: LeaseState, actions: LeaseAction[]): void {
  const { outcome, why, hasCheckpoint } = state;
  if (outcome === undefined) throw new Error(`lease ${state.id} ends without a reason`);
  enter(state, "ended");
  actions.push({ type: "journalEnd", outcome, why });
  actions.push({ type: "tell", what: { is: "ended", outcome, why, hasCheckpoint } });
}

/** What comes while it ends, and after. */
export function whenEnding(state: LeaseState, event: LeaseEvent, actions: LeaseAction[]): void {
  if (event.type === "tornDown") state.isTornDown = true;
  const isOver = state.isTornDown || state.stageMs >= state.limits.endMs;
  if (state.phase === "ending" && isOver) finish(state, actions);
  if (event.type === "tick" && !state.isTornDown) tearDownAgain(state, actions);
}

/** @param isDue whatever the time since the last try */
export function tearDownAgain(state: LeaseState, actions: LeaseAction[], isDue = false): void {
  if (!isDue && state.triedMs < TEAR_DOWN_AGAIN_MS) return;
  state.triedMs = 0;
  actions.push({ type: "tearDown" });
}
