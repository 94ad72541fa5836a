import { beginSearch } from "./searching.ts";
import {
  FAST_MS,
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
  const isSame = JSON.stringify(at) === JSON.stringify(state.theirs);
  state.theirs = at;
  if (isSame) return;
  state.punchAtMs = Math.min(state.punchAtMs, atMs + 1_000);
  state.punchFailures = 0;
  if (state.phase === "searching") beginSearch(state, actions, atMs);
  else doubt(state, actions, atMs);
}

export function weMoved(
  state: TunnelState,
  { at, relays }: Extract<TunnelEvent, { type: "moved" }>,
  actions: TunnelAction[],
  atMs: number,
): void {
  const isSame = JSON.stringify(at) === JSON.stringify(state.own);
  state.own = at;
  state.relays = relays;
  if (isSame || state.phase === "introducing") return;
  state.sayAgainMs = atMs + SAY_AGAIN_MS;
  actions.push({
    type: "tell",
    message: { type: "candidates", id: state.id, sequence: ++state.sequence, at },
  });
  state.punchAtMs = Math.min(state.punchAtMs, atMs + 1_000);
  state.punchFailures = 0;
  if (state.phase !== "direct") {
    beginSearch(state, actions, atMs);
    return;
  }
  // Set again, so that the kernel forgets the source address that it used to send from.
  actions.push({ type: "point", endpoint: state.way, fresh: false });
  doubt(state, actions, atMs);
}

function doubt(state: TunnelState, actions: TunnelAction[], atMs: number): void {
  state.punch = undefined;
  state.doubtUntilMs = atMs + movedPatienceMs(state.rttMs);
  actions.push({ type: "pace", intervalMs: FAST_MS });
}
