import { deadAfterMs, doubtAfterMs, FAST_MS } from "./echo-pace.ts";
import { theyMoved, weMoved } from "./moving.ts";
import { beginPunch, goOnPunching, isPunchDue, lookAtPunch, mayPunch } from "./punching.ts";
import {
  askWhenNeeded,
  denied,
  granted,
  keepRelay,
  leave,
  lostRelay,
  placedByLeader,
  requestTo,
} from "./relay-place.ts";
import { beginSearch, goOnSearching, isRelayEndpoint } from "./searching.ts";
import { noteUse, settle, settleAnew } from "./settled-pace.ts";
import type { TunnelMessage } from "./tunnel-messages.ts";
import {
  isSlow,
  isUp,
  LONGEST_REST_MS,
  LOOK_EVERY_MS,
  SAY_AGAIN_MS,
  type TunnelAction,
  type TunnelEvent,
  type TunnelState,
} from "./tunnel-state.ts";

/** What a tunnel's end does next: a pure function, so that every course of events can be tried without a network. */
export function step(
  before: TunnelState,
  event: TunnelEvent,
): { state: TunnelState; actions: TunnelAction[] } {
  const state = { ...before };
  const actions: TunnelAction[] = [];
  if (state.phase !== "closed") apply(state, event, actions);
  return { state, actions };
}

function apply(state: TunnelState, event: TunnelEvent, actions: TunnelAction[]): void {
  const { atMs } = event;
  switch (event.type) {
    case "tick":
      tick(state, actions, atMs);
      return;
    case "accepted":
      if (state.phase !== "introducing") return;
      state.theirKey = event.key;
      state.theirs = event.at;
      state.heardMs = atMs;
      // Whoever opened it is about to use it.
      state.usedMs = atMs;
      if (state.role === "follower") actions.push({ type: "tell", message: acceptance(state) });
      beginSearch(state, actions, atMs);
      return;
    case "candidates":
      if (event.sequence <= state.theirSequence || state.phase === "introducing") return;
      state.theirSequence = event.sequence;
      theyMoved(state, event.at, actions, atMs);
      return;
    case "moved":
      weMoved(state, event, actions, atMs);
      return;
    case "proof":
      proven(state, event.rttMs, actions, atMs);
      return;
    case "seen":
      seen(state, event, actions, atMs);
      return;
    case "renewed":
      if (state.phase !== "introducing") beginSearch(state, actions, atMs);
      return;
    case "granted":
      granted(state, event, actions);
      return;
    case "denied":
      denied(state, event.from, actions, atMs);
      return;
    case "relay-over":
      if (state.relay?.peer !== event.from) return;
      lostRelay(state, actions, atMs);
      return;
    case "relayed":
      placedByLeader(state, event, actions, atMs);
      return;
    case "observed":
      if (state.relay?.peer === event.from && isPunchDue(state, atMs)) {
        beginPunch(state, actions, event.other, atMs);
      }
      return;
    case "bye":
      end(state, actions, event.reason);
      return;
    case "close":
      actions.push({ type: "tell", message: { type: "bye", id: state.id, reason: event.reason } });
      end(state, actions, event.reason);
      return;
  }
}

function tick(state: TunnelState, actions: TunnelAction[], atMs: number): void {
  if (atMs >= state.expiresAtMs) {
    actions.push({ type: "tell", message: { type: "bye", id: state.id, reason: "its time is over" } });
    end(state, actions, "its time is over");
    return;
  }
  if (state.phase === "introducing") {
    if (state.role === "leader" && atMs >= state.sayAgainMs) {
      state.sayAgainMs = atMs + SAY_AGAIN_MS;
      actions.push({ type: "tell", message: offer(state) });
    }
    return;
  }
  keepRelay(state, actions, atMs);
  if (state.phase === "searching") {
    askWhenNeeded(state, actions, atMs);
    goOnSearching(state, actions, atMs);
    if (atMs >= state.lookAtMs) look(state, actions, atMs);
    return;
  }
  if (state.punch) {
    state.punch = goOnPunching(state, state.punch, actions, atMs);
    return;
  }
  watch(state, actions, atMs);
}

/** While it is up: whether it still is, and whether the relay can be left. */
function watch(state: TunnelState, actions: TunnelAction[], atMs: number): void {
  const { rttMs, paceMs } = state;
  // One that goes faster than before has not been waited for as long as the last proof is old.
  const provenMs = Math.max(state.provenMs, state.pacedMs);
  const deadMs = provenMs + deadAfterMs(paceMs, rttMs);
  if (atMs >= (state.doubtUntilMs ?? deadMs)) {
    beginSearch(state, actions, atMs, { isRelaySuspect: state.phase === "relayed" });
    askWhenNeeded(state, actions, atMs);
    return;
  }
  if (state.doubtUntilMs === undefined && atMs >= provenMs + doubtAfterMs(paceMs, rttMs)) {
    // Only faster echoes: nothing is moved yet.
    state.doubtUntilMs = deadMs;
    actions.push({ type: "pace", intervalMs: FAST_MS });
    return;
  }
  if (atMs >= state.lookAtMs) look(state, actions, atMs);
  const isTimeToAsk =
    state.phase === "relayed" && state.doubtUntilMs === undefined && atMs >= state.punchAtMs;
  if (isTimeToAsk && state.role === "leader" && state.relay && mayPunch(state.own.nat, state.theirs.nat)) {
    // Until the relay has answered: it does not, when it has not heard both.
    state.punchAtMs = atMs + 1_000;
    state.isPunchAsked = true;
    actions.push({ type: "tell-relay", relay: state.relay.peer, message: requestTo(state, true) });
  }
}

function proven(state: TunnelState, rttMs: number, actions: TunnelAction[], atMs: number): void {
  state.provenMs = atMs;
  state.rttMs = state.rttMs === undefined ? rttMs : state.rttMs + (rttMs - state.rttMs) / 8;
  if (state.punch) {
    state.punch = { ...state.punch, proofs: state.punch.proofs + 1 };
    return;
  }
  if (state.phase === "searching") {
    state.phase = isRelayEndpoint(state, state.way) ? "relayed" : "direct";
    state.directSinceMs = atMs;
    state.search = undefined;
    // WireGuard may have followed the other end to another way than the one that was tried.
    look(state, actions, atMs);
    settle(state, actions, atMs);
  } else if (state.doubtUntilMs !== undefined) {
    settle(state, actions, atMs);
  }
  state.doubtUntilMs = undefined;
}

function look(state: TunnelState, actions: TunnelAction[], atMs: number): void {
  const everyMs = isUp(state) ? Math.max(LOOK_EVERY_MS, state.leastPaceMs) : LOOK_EVERY_MS;
  state.lookAtMs = atMs + (isSlow(state, atMs) ? LONGEST_REST_MS : everyMs);
  actions.push({ type: "look" });
}

function seen(
  state: TunnelState,
  event: Extract<TunnelEvent, { type: "seen" }>,
  actions: TunnelAction[],
  atMs: number,
): void {
  const { endpoint } = event;
  if (!endpoint) return;
  noteUse(state, event, actions);
  if (state.punch) {
    state.punch = lookAtPunch(state, state.punch, actions, endpoint, atMs);
    return;
  }
  if (!isUp(state)) return;
  state.way = endpoint;
  if (!isRelayEndpoint(state, endpoint)) state.lastDirect = endpoint;
  const phase = isRelayEndpoint(state, endpoint) ? "relayed" : "direct";
  if (phase === "direct" && state.phase !== "direct") state.directSinceMs = atMs;
  state.phase = phase;
  settleAnew(state, actions, atMs);
}

function end(state: TunnelState, actions: TunnelAction[], reason: string): void {
  if (state.relay && state.role === "leader") leave(state, actions, state.relay.peer);
  if (state.asked) leave(state, actions, state.asked.peer);
  state.phase = "closed";
  state.reason = reason;
  actions.push({ type: "end", reason });
}

const offer = (state: TunnelState): TunnelMessage => ({
  type: "offer",
  id: state.id,
  key: state.key,
  purpose: state.purpose,
  at: state.own,
});

export const acceptance = (state: TunnelState): TunnelMessage => ({
  type: "accept",
  id: state.id,
  key: state.key,
  at: state.own,
});
