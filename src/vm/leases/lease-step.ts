import { askCheckpoint, displace, notSaved, saved } from "./lease-checkpoint.ts";
import { beginEnding, whenEnding } from "./lease-end.ts";
import { awaitStep, goOn, relieve, suspend, WHY_PRESSED } from "./lease-preparation.ts";
import { restart } from "./lease-restart.ts";
import { hasMachine, isWaiting, type LeaseAction, type LeaseEvent, type LeaseState } from "./lease-state.ts";
import { enter, overTime, pass } from "./lease-time.ts";

/**
 * What becomes of a lease by an event: a pure function, so that every course of events can be tried without a machine. It always
 * ends, `ended` is for good and says why once, and nothing ever runs that was not verified before.
 */
export function leaseStep(
  before: LeaseState,
  event: LeaseEvent,
): { state: LeaseState; actions: LeaseAction[] } {
  const state = { ...before };
  const actions: LeaseAction[] = [];
  if (event.type === "restarted") {
    restart(state, event, actions);
    return { state, actions };
  }
  pass(state, Math.max(0, event.atMs - state.atMs));
  state.atMs = Math.max(state.atMs, event.atMs);
  // Before its silence is judged: what was said while the box was busy with something else was said in time.
  if (event.type === "keptAlive" && event.by === state.requester) state.silentMs = 0;
  const over = overTime(state);
  if (over) beginEnding(state, over.outcome, over.why, actions);
  if (state.phase === "ending" || state.phase === "ended") whenEnding(state, event, actions);
  else whileItLives(state, event, actions);
  return { state, actions };
}

function whileItLives(state: LeaseState, event: LeaseEvent, actions: LeaseAction[]): void {
  switch (event.type) {
    case "queued":
    case "allowed":
    case "refused":
      if (isWaiting(state)) decided(state, event, actions);
      break;
    case "kept":
      if (state.phase === "admitted") awaitStep(state, "network", actions);
      break;
    case "prepared":
      if (state.phase === "preparing" && state.awaited === event.step) goOn(state, actions);
      break;
    case "failed":
      if (!isWaiting(state) && state.phase !== "checkpointed")
        beginEnding(state, "failed", event.why, actions);
      break;
    case "released":
    case "checkpointAsked":
      if (event.by === state.requester) wished(state, event.type, actions);
      else refuse(state, event.by, actions);
      break;
    case "checkpointed":
      if (state.phase === "checkpointing") saved(state, actions);
      break;
    case "notSaved":
      if (state.phase === "checkpointing") notSaved(state, event.why, actions);
      break;
    case "punished":
      punish(state, event.by, event.why, actions);
      break;
    case "displaced":
      displace(state, event.withCheckpoint, event.why, actions);
      break;
    case "pressure":
      state.isPressed = true;
      suspend(state, WHY_PRESSED, actions);
      break;
    case "relief":
      relieve(state, actions);
      break;
    case "vmGone":
      if (couldGo(state)) gone(state, event.isShutDown, event.why, actions);
      break;
    case "hostEnds":
      beginEnding(state, "host", event.why, actions);
      break;
    default:
      break;
  }
}

function decided(
  state: LeaseState,
  event: Extract<LeaseEvent, { type: "refused" | "queued" | "allowed" }>,
  actions: LeaseAction[],
): void {
  if (event.type === "refused") {
    beginEnding(state, "refused", event.why, actions);
  } else if (event.type === "allowed") {
    enter(state, "admitted");
    actions.push({ type: "keep" }, { type: "tell", what: { is: "admitted" } });
  } else if (state.phase === "asked") {
    enter(state, "queued");
    actions.push({ type: "tell", what: { is: "queued" } });
  }
}

/** By its requester. */
function wished(state: LeaseState, wish: "released" | "checkpointAsked", actions: LeaseAction[]): void {
  if (wish === "released") beginEnding(state, "released", "by its requester", actions);
  else askCheckpoint(state, actions);
}

/** By anybody else. It is noted once: who tries again and again fills no journal. */
function refuse(state: LeaseState, by: string, actions: LeaseAction[]): void {
  actions.push({ type: "refuse", by, why: "it is somebody else's" });
  if (state.isStrangerNoted) return;
  state.isStrangerNoted = true;
  actions.push({ type: "note", kind: "release-refused", why: `asked by ${by}` });
}

function punish(state: LeaseState, by: "suspension" | "end", why: string, actions: LeaseAction[]): void {
  if (by === "end") {
    beginEnding(state, "punished", why, actions);
    return;
  }
  state.isHeld = true;
  state.why = why;
  suspend(state, why, actions);
}

/** While it is saved it goes by itself, and before it is there it cannot. */
const couldGo = (state: LeaseState): boolean =>
  hasMachine(state) ||
  (state.phase === "preparing" && state.awaited !== "network" && state.awaited !== "start");

function gone(state: LeaseState, isShutDown: boolean, why: string, actions: LeaseAction[]): void {
  if (isShutDown) beginEnding(state, "released", "it was shut down from within", actions);
  else beginEnding(state, "failed", why, actions);
}
