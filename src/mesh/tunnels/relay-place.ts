import type { PeerId } from "../engine/engine-interface.ts";
import { nearestRelay, sharedFamily } from "./candidates.ts";
import { beginSearch } from "./searching.ts";
import {
  GRACE_MS,
  GRANT_WAIT_MS,
  isSlow,
  isUp,
  type RelayPlace,
  SHUN_MS,
  SLOW_SHUN_MS,
  sameEndpoint,
  TRY_MS,
  type TunnelAction,
  type TunnelEvent,
  type TunnelState,
} from "./tunnel-state.ts";

/*
 * The ends' place at a relay. The end that opened the tunnel, the leader, asks for it, renews it and gives it up, and
 * tells the other where to send.
 */

/** Leader: asks the best relay that may be asked, unless one was asked just now. */
export function askRelay(state: TunnelState, actions: TunnelAction[], atMs: number): void {
  if (state.role !== "leader") return;
  if (state.asked) {
    if (atMs - state.asked.atMs < GRANT_WAIT_MS) return;
    shun(state, state.asked.peer, atMs);
  }
  const open = state.relays.filter((peer) => (state.shunned.get(peer) ?? 0) <= atMs);
  // The one that just failed may live on, with only the other end having moved: it is asked when no other is left.
  const peer = open.find((relay) => relay !== state.relay?.peer) ?? open[0];
  if (peer === undefined) {
    state.asked = undefined;
    return;
  }
  state.asked = { peer, atMs };
  actions.push({ type: "tell-relay", relay: peer, message: requestTo(state, false) });
}

export const requestTo = (state: TunnelState, observe: boolean) =>
  ({
    type: "request",
    id: state.id,
    other: state.peer,
    family: sharedFamily(state.own.endpoints, state.theirs.endpoints),
    observe,
  }) as const;

function shun(state: TunnelState, relay: PeerId, atMs: number): void {
  state.shunned = new Map([...state.shunned, [relay, atMs + (isSlow(state, atMs) ? SLOW_SHUN_MS : SHUN_MS)]]);
}

/** While searching: asks for a relay where there is none, or where the one that there is may be dead or out of one end's reach. */
export function askWhenNeeded(state: TunnelState, actions: TunnelAction[], atMs: number): void {
  const { relay, search } = state;
  if (!search) return;
  // At first the ends' own addresses get a chance, so that two of one network ask nobody.
  const isTooEarly = state.provenMs === 0 && atMs - search.sinceMs < TRY_MS / 2;
  const isRelayFailing = search.isRelaySuspect || search.round > 0;
  if (relay ? isRelayFailing : !isTooEarly) askRelay(state, actions, atMs);
}

/** Leader: renews its place at the relay, and gives it up when it has not been needed for a while. */
export function keepRelay(state: TunnelState, actions: TunnelAction[], atMs: number): void {
  const { relay } = state;
  if (!relay || state.role !== "leader") return;
  if (state.phase === "direct" && atMs - state.directSinceMs >= GRACE_MS) {
    leave(state, actions, relay.peer);
    state.relay = undefined;
    actions.push({
      type: "tell",
      message: { type: "relayed", id: state.id, relay: relay.peer, endpoints: [] },
    });
    return;
  }
  if (atMs >= relay.untilMs) {
    lostRelay(state, actions, atMs);
  } else if (atMs >= relay.renewAtMs) {
    state.relay = { ...relay, renewAtMs: atMs + 2_000 };
    actions.push({ type: "tell-relay", relay: relay.peer, message: requestTo(state, false) });
  }
}

export function lostRelay(state: TunnelState, actions: TunnelAction[], atMs: number): void {
  const wasUsed = state.phase === "relayed";
  if (state.relay) shun(state, state.relay.peer, atMs);
  state.relay = undefined;
  if (!wasUsed) return;
  beginSearch(state, actions, atMs);
  askWhenNeeded(state, actions, atMs);
}

export const leave = (state: TunnelState, actions: TunnelAction[], relay: PeerId): void => {
  actions.push({ type: "tell-relay", relay, message: { type: "end", id: state.id } });
};

export function granted(
  state: TunnelState,
  event: Extract<TunnelEvent, { type: "granted" }>,
  actions: TunnelAction[],
): void {
  const { atMs, from, lifetimeMs, theirs } = event;
  const endpoint = nearestRelay(state.own.endpoints, event.ours);
  if (!endpoint || state.role !== "leader") return;
  const untilMs = atMs + lifetimeMs;
  const renewAtMs = atMs + lifetimeMs / 3;
  if (state.relay?.peer === from && sameEndpoint(state.relay.endpoint, endpoint)) {
    state.relay = { ...state.relay, theirs, renewAtMs, untilMs };
    if (state.asked?.peer !== from) return;
    state.asked = undefined;
    if (!isSlow(state, atMs)) return;
    // Both ends rest most of the time: they try it at the same time, and leave it alone for a while.
    shun(state, from, atMs);
    meetAtRelay(state, actions, state.relay, atMs);
    return;
  }
  const wasAsked = state.asked?.peer === from;
  // The one in use may have forgotten us in a restart, and give another place.
  const isInUse = state.relay?.peer === from;
  if (!isInUse && (!wasAsked || isUp(state))) {
    if (wasAsked) state.asked = undefined;
    leave(state, actions, from);
    return;
  }
  state.asked = undefined;
  if (state.relay && state.relay.peer !== from) {
    leave(state, actions, state.relay.peer);
    shun(state, state.relay.peer, atMs);
  }
  state.relay = { peer: from, endpoint, theirs, renewAtMs, untilMs };
  meetAtRelay(state, actions, state.relay, atMs);
}

function meetAtRelay(
  state: TunnelState,
  actions: TunnelAction[],
  { peer, theirs }: RelayPlace,
  atMs: number,
): void {
  actions.push({ type: "tell", message: { type: "relayed", id: state.id, relay: peer, endpoints: theirs } });
  beginSearch(state, actions, atMs);
}

/** Follower: the leader has a relay for us, or has none any more. */
export function placedByLeader(
  state: TunnelState,
  event: Extract<TunnelEvent, { type: "relayed" }>,
  actions: TunnelAction[],
  atMs: number,
): void {
  if (state.role !== "follower") return;
  const endpoint = nearestRelay(state.own.endpoints, event.endpoints);
  if (!endpoint) {
    if (state.relay?.peer === event.relay) state.relay = undefined;
    return;
  }
  const never = Number.POSITIVE_INFINITY;
  state.relay = { peer: event.relay, endpoint, theirs: [], renewAtMs: never, untilMs: never };
  // The leader found no other way: going there at once costs less than finding that out by ourselves.
  beginSearch(state, actions, atMs);
}

/** A relay does not want to, or cannot. */
export function denied(state: TunnelState, from: PeerId, actions: TunnelAction[], atMs: number): void {
  if (state.asked?.peer !== from) return;
  shun(state, from, atMs);
  state.asked = undefined;
  if (state.phase === "searching") askRelay(state, actions, atMs);
}
