import { carriesData, paceMs } from "./echo-pace.ts";
import { isUp, type TunnelAction, type TunnelEvent, type TunnelState } from "./tunnel-state.ts";

/* How fast the echoes of a tunnel go that is up: as what it carries, and what its links cost, call for. */

/** Up and in no doubt: echoes go at the pace that is called for. */
export function settle(state: TunnelState, actions: TunnelAction[], atMs: number): void {
  state.paceMs = paceFor(state, atMs);
  state.pacedMs = atMs;
  actions.push({ type: "pace", intervalMs: state.paceMs });
}

/** Changes the pace where another one is called for by now. */
export function settleAnew(state: TunnelState, actions: TunnelAction[], atMs: number): void {
  if (!isUp(state) || state.punch || state.doubtUntilMs !== undefined) return;
  if (paceFor(state, atMs) !== state.paceMs) settle(state, actions, atMs);
}

function paceFor({ own, theirs, usedMs, leastPaceMs }: TunnelState, atMs: number): number {
  const metered = own.metered || theirs.metered;
  return Math.max(leastPaceMs, paceMs({ metered, idleMs: atMs - usedMs }));
}

/** Learns from a look at WireGuard whether the tunnel is in use, and whether its way is metered; the other end is told of that. */
export function noteUse(
  state: TunnelState,
  { bytes, metered, atMs }: Extract<TunnelEvent, { type: "seen" }>,
  actions: TunnelAction[],
): void {
  const { counted, paceMs: pace } = state;
  // Fast echoes for a doubt or a search would pass for data.
  const isCalm = state.doubtUntilMs === undefined && !state.punch && counted && counted.atMs >= state.pacedMs;
  if (isCalm && carriesData(bytes - counted.bytes, atMs - counted.atMs, pace)) state.usedMs = atMs;
  state.counted = { bytes, atMs };
  if (metered === state.own.metered) return;
  state.own = { ...state.own, metered };
  const message = { type: "candidates", id: state.id, sequence: ++state.sequence, at: state.own } as const;
  actions.push({ type: "tell", message });
}
