import { FAST_MS } from "./echo-pace.ts";
import { beginSearch } from "./searching.ts";
import { settleAnew } from "./settled-pace.ts";
import type { Whereabouts } from "./tunnel-messages.ts";
import {
  AWAY_MS,
  movedPatienceMs,
  SAY_AGAIN_MS,
  type TunnelAction,
  type TunnelEvent,
  type TunnelState,
} from "./tunnel-state.ts";

/*
 * When one end has other addresses. The moved end's next packet goes out from the new one, and WireGuard at the other
 * end follows it, where no NAT is in between. So first nothing is done but to look closely; what does not carry soon is
 * searched for.
 */

/** The other end has other addresses: WireGuard follows it when it can, and that is seen soon. */
export function theyMoved(
  state: TunnelState,
  at: TunnelState["theirs"],
  actions: TunnelAction[],
  atMs: number,
): void {
  const isSame = isSamePlace(at, state.theirs);
  const wasAway = atMs - state.heardMs >= AWAY_MS;
  state.theirs = at;
  state.heardMs = atMs;
  if (isSame && !(wasAway && state.phase === "searching")) {
    settleAnew(state, actions, atMs);
    return;
  }
  state.punchAtMs = Math.min(state.punchAtMs, atMs + 1_000);
  state.punchFailures = 0;
  if (state.phase === "searching") beginSearch(state, actions, atMs, { isNews: true });
  else doubt(state, actions, atMs);
}

export function weMoved(
  state: TunnelState,
  { at, relays }: Extract<TunnelEvent, { type: "moved" }>,
  actions: TunnelAction[],
  atMs: number,
): void {
  const isSame = isSamePlace(at, state.own);
  const isRelayNew = relays.some((relay) => !state.relays.includes(relay));
  // What the present way costs is seen when it is looked at.
  state.own = { ...at, metered: state.own.metered };
  state.relays = relays;
  if (state.phase === "introducing") return;
  if (isSame) {
    if (isRelayNew && state.phase === "searching") beginSearch(state, actions, atMs, { isNews: true });
    return;
  }
  state.sayAgainMs = atMs + SAY_AGAIN_MS;
  actions.push({
    type: "tell",
    message: { type: "candidates", id: state.id, sequence: ++state.sequence, at: state.own },
  });
  state.punchAtMs = Math.min(state.punchAtMs, atMs + 1_000);
  state.punchFailures = 0;
  if (state.phase !== "direct") {
    beginSearch(state, actions, atMs, { isNews: true });
    return;
  }
  // Set again, so that the kernel forgets the source address that it used to send from.
  actions.push({ type: "point", endpoint: state.way, fresh: false });
  doubt(state, actions, atMs);
}

const isSamePlace = (a: Whereabouts, b: Whereabouts): boolean =>
  JSON.stringify([a.nat, a.endpoints]) === JSON.stringify([b.nat, b.endpoints]);

function doubt(state: TunnelState, actions: TunnelAction[], atMs: number): void {
  state.punch = undefined;
  state.doubtUntilMs = atMs + movedPatienceMs(state.rttMs);
  actions.push({ type: "pace", intervalMs: FAST_MS });
}
