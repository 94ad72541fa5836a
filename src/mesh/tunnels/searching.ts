import { candidateOrder } from "./candidates.ts";
import { FAST_MS } from "./echo-pace.ts";
import {
  FAST_SEARCH_MS,
  isSlow,
  LONGEST_REST_MS,
  LONGEST_TRY_MS,
  SAY_AGAIN_MS,
  sameEndpoint,
  TRY_MS,
  type TunnelAction,
  type TunnelState,
} from "./tunnel-state.ts";

/*
 * Finding a way when none is proven: direct candidates and the relay are tried in turn, while the leader asks for a
 * relay. Each end tries by itself; WireGuard follows the other's packets, so one of both being right is enough.
 *
 * Where nothing carries for minutes the other end is most likely off: the search goes on, slowly, until there is news.
 */

interface Way {
  endpoint: TunnelState["way"];
  isRelay: boolean;
}

/** All ways that may be tried now; the relay first, as it is the one that both ends can reach. */
function ways({ relay, lastDirect, own, theirs }: TunnelState): Way[] {
  const candidates = candidateOrder(own.endpoints, theirs.endpoints);
  // A punched one is in nobody's list.
  const isOther = lastDirect && !candidates.some((end) => sameEndpoint(end, lastDirect));
  return [
    ...(relay ? [{ endpoint: relay.endpoint, isRelay: true }] : []),
    ...(isOther ? [{ endpoint: lastDirect, isRelay: false }] : []),
    ...candidates.map((endpoint) => ({ endpoint, isRelay: false })),
  ];
}

export interface SearchReason {
  /** The relay in use has stopped carrying: another is asked for while it is tried once more. */
  isRelaySuspect?: boolean;
  /** There is reason to hope: a search that has become slow is fast again. */
  isNews?: boolean;
}

/** Begins, or begins anew because there is a new way at the front. */
export function beginSearch(
  state: TunnelState,
  actions: TunnelAction[],
  atMs: number,
  { isRelaySuspect = false, isNews = false }: SearchReason = {},
): void {
  state.phase = "searching";
  state.punch = undefined;
  state.doubtUntilMs = undefined;
  // The interface itself may be what has gone.
  state.lookAtMs = atMs;
  const { search } = state;
  const staysSlow = isSlow(state, atMs) && !isNews;
  const windowMs = staysSlow && search ? search.windowMs : Math.max(TRY_MS, 4 * (state.rttMs ?? 0));
  state.search = {
    sinceMs: search?.sinceMs ?? atMs,
    tryMs: atMs,
    windowMs,
    index: 0,
    round: 0,
    isRelaySuspect,
    isHushed: false,
    isResting: false,
    fastUntilMs: isNews || !search ? atMs + FAST_SEARCH_MS : search.fastUntilMs,
  };
  tryWay(state, actions, atMs);
}

/** Goes on with the next way when the present one has had its time. */
export function goOnSearching(state: TunnelState, actions: TunnelAction[], atMs: number): void {
  const { search } = state;
  if (!search) return;
  if (atMs >= state.sayAgainMs) {
    state.sayAgainMs = atMs + (isSlow(state, atMs) ? LONGEST_REST_MS : SAY_AGAIN_MS);
    const message = { type: "candidates", id: state.id, sequence: ++state.sequence, at: state.own } as const;
    actions.push({ type: "tell", message });
  }
  const tryingMs = Math.min(search.windowMs, LONGEST_TRY_MS);
  if (search.isHushed && atMs - search.tryMs >= tryingMs / 2) {
    state.search = { ...search, isHushed: false };
    actions.push({ type: "pace", intervalMs: FAST_MS });
  } else if (!search.isResting && atMs - search.tryMs >= tryingMs && tryingMs < search.windowMs) {
    state.search = { ...search, isResting: true };
    actions.push({ type: "pace", intervalMs: 0 });
  }
  if (atMs - search.tryMs < search.windowMs) return;
  const count = Math.max(1, ways(state).length);
  const isRoundOver = search.index + 1 >= count;
  state.search = {
    ...search,
    tryMs: atMs,
    index: isRoundOver ? 0 : search.index + 1,
    round: search.round + (isRoundOver ? 1 : 0),
    windowMs: isRoundOver ? nextWindowMs(search.windowMs, isSlow(state, atMs)) : search.windowMs,
    isResting: false,
  };
  tryWay(state, actions, atMs);
}

const nextWindowMs = (windowMs: number, slow: boolean): number =>
  slow ? Math.min(LONGEST_REST_MS, windowMs * 2) : Math.min(LONGEST_TRY_MS, windowMs * 1.5);

function tryWay(state: TunnelState, actions: TunnelAction[], atMs: number): void {
  const { search } = state;
  const way = ways(state)[search?.index ?? 0];
  if (!search || !way) return;
  state.way = way.endpoint;
  // Keys that both still have carry at once. A relay lets a moved end in only after a handshake.
  const hasSession = state.provenMs > 0 && atMs - state.provenMs < 60_000;
  const fresh = way.isRelay || !hasSession || search.round > 0;
  actions.push({ type: "point", endpoint: way.endpoint, fresh });
  // Two initiations that cross make both handshakes fail, and WireGuard tries again after 5 s. At a relay it is the
  // relay that lets one go first.
  const waitsForLeader = state.role === "follower" && fresh && !way.isRelay;
  state.search = { ...search, isHushed: waitsForLeader };
  actions.push({ type: "pace", intervalMs: waitsForLeader ? 0 : FAST_MS });
}

/** Whether an endpoint is the relay's for this end. */
export const isRelayEndpoint = (state: TunnelState, endpoint: TunnelState["way"]): boolean =>
  sameEndpoint(endpoint, state.relay?.endpoint);
