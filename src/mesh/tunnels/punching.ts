import type { NatKind } from "../nat/nat-interface.ts";
import type { Endpoint } from "../paths/endpoint.ts";
import { lookNear } from "./candidates.ts";
import { FAST_MS } from "./echo-pace.ts";
import { settle } from "./settled-pace.ts";
import {
  movedPatienceMs,
  type Punch,
  sameEndpoint,
  type TunnelAction,
  type TunnelState,
} from "./tunnel-state.ts";

/*
 * Leaving the relay. Both ends' WireGuard ports send to the relay, which so sees how their NATs map them, and tells
 * each end of the other at the same time (OBSERVED). Both point WireGuard there: the first packets out open the holes,
 * the next come in. WireGuard itself follows whatever authentic packet comes last (its roaming), so one that was still
 * under way through the relay turns it back; hence it is looked at and pointed again until it stays.
 */

/** How long one target is tried: traffic may stand still that long when it is the wrong one. */
const SHORTEST_WINDOW_MS = 500;
const LONGEST_WINDOW_MS = 2_000;
/** Looks in a row, {@link FAST_MS} apart, that must find it direct and proven. */
const ENOUGH_LOOKS = 2;
const MAX_TARGETS = 2;
/** Waits before the next try, after the first, second … failure; the last one stays. */
const WAITS_MS = [5_000, 30_000, 120_000, 600_000];

/**
 * Whether a hole may be punched between two NATs (RFC 5128, section 3.3): not where one maps by destination and the
 * other filters, or where UDP is blocked. What is unknown is worth a try.
 */
export function mayPunch(a: NatKind, b: NatKind): boolean {
  if (a === "blocked" || b === "blocked") return false;
  if (a === "open" || b === "open") return true;
  return a !== "symmetric" && b !== "symmetric";
}

/**
 * Whether it is time for a try. The leader asks the relay for one; only then is the relay's word taken, as it could
 * else send all traffic to wherever it says, again and again. The other end's times are about the same.
 */
export function isPunchDue(state: TunnelState, atMs: number): boolean {
  if (state.phase !== "relayed" || state.punch || !mayPunch(state.own.nat, state.theirs.nat)) return false;
  return state.role === "leader" ? state.isPunchAsked : atMs >= state.punchAtMs - LONGEST_WINDOW_MS;
}

/** Begins a try, when there is something to try. @param other where the relay hears the other end from */
export function beginPunch(state: TunnelState, actions: TunnelAction[], other: Endpoint, atMs: number): void {
  state.isPunchAsked = false;
  const near = state.theirs.endpoints.filter((end) => state.own.endpoints.some((own) => lookNear(own, end)));
  const targets = [other, ...near.filter((end) => !sameEndpoint(end, other))].slice(0, MAX_TARGETS);
  // Four round trips by the relay: both have heard, both have sent, and an echo came back.
  const windowMs = Math.min(LONGEST_WINDOW_MS, Math.max(SHORTEST_WINDOW_MS, 4 * (state.rttMs ?? 0)));
  state.punch = {
    targets,
    index: 0,
    sinceMs: atMs,
    windowMs,
    pointedMs: atMs,
    proofs: 0,
    goodLooks: 0,
  };
  actions.push({ type: "point", endpoint: other, fresh: false }, { type: "pace", intervalMs: FAST_MS });
  state.way = other;
}

/** Goes on with a try at each tick. */
export function goOnPunching(
  state: TunnelState,
  punch: Punch,
  actions: TunnelAction[],
  atMs: number,
): Punch | undefined {
  if (atMs - punch.sinceMs < punch.windowMs) {
    actions.push({ type: "look" });
    return punch;
  }
  const index = punch.index + 1;
  const endpoint = punch.targets[index];
  if (endpoint === undefined) {
    failed(state, actions, atMs);
    return undefined;
  }
  actions.push({ type: "point", endpoint, fresh: false }, { type: "pace", intervalMs: FAST_MS });
  state.way = endpoint;
  return { ...punch, index, sinceMs: atMs, pointedMs: atMs, proofs: 0, goodLooks: 0 };
}

/** What WireGuard was found to send to during a try. @returns undefined when the try has succeeded */
export function lookAtPunch(
  state: TunnelState,
  punch: Punch,
  actions: TunnelAction[],
  seen: Endpoint,
  atMs: number,
): Punch | undefined {
  const target = punch.targets[punch.index];
  if (sameEndpoint(seen, state.relay?.endpoint)) {
    if (target) actions.push({ type: "point", endpoint: target, fresh: false });
    return { ...punch, pointedMs: atMs, proofs: 0, goodLooks: 0 };
  }
  const goodLooks = punch.proofs > 0 ? punch.goodLooks + 1 : 0;
  if (goodLooks < ENOUGH_LOOKS) return { ...punch, goodLooks };
  state.phase = "direct";
  state.directSinceMs = atMs;
  state.way = seen;
  state.punchFailures = 0;
  settle(state, actions, atMs);
  return undefined;
}

function failed(state: TunnelState, actions: TunnelAction[], atMs: number): void {
  const waitMs = WAITS_MS[Math.min(state.punchFailures, WAITS_MS.length - 1)] ?? 0;
  state.punchFailures++;
  state.punchAtMs = atMs + waitMs;
  state.way = state.relay?.endpoint;
  if (state.way) actions.push({ type: "point", endpoint: state.way, fresh: false });
  actions.push({ type: "pace", intervalMs: FAST_MS });
  // Proof by the relay is awaited anew, without what was lost in the meantime counting against it.
  state.doubtUntilMs = atMs + movedPatienceMs(state.rttMs);
}
