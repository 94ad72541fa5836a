import type { PeerId } from "../engine/engine-interface.ts";
import type { Endpoint } from "../paths/endpoint.ts";
import { STEADY_MS } from "./echo-pace.ts";
import type { RelayMessage, TunnelMessage, Whereabouts } from "./tunnel-messages.ts";
import type { TunnelRole } from "./wireguard-device.ts";

/**
 * `introducing`: the other has not accepted yet; `searching`: no proof that any way carries; `direct`, `relayed`: up;
 * `closed`: by either side, or its time was over.
 */
export type TunnelPhase = "introducing" | "searching" | "direct" | "relayed" | "closed";

/** One end's place at a relay. */
export interface RelayPlace {
  peer: PeerId;
  /** Where this end sends to. */
  endpoint: Endpoint;
  /** Leader only: where the other sends to, and until when the relay has promised. */
  theirs: readonly Endpoint[];
  renewAtMs: number;
  untilMs: number;
}

/** Ways being tried in turn. */
export interface Search {
  sinceMs: number;
  /** When the present try began, how long it may take, and which one it is. */
  tryMs: number;
  windowMs: number;
  index: number;
  /** How often all have been tried. */
  round: number;
  isRelaySuspect: boolean;
  /** Nothing is sent in the first half of the window. */
  isHushed: boolean;
  /** Slow search: this try has been made, and nothing is sent until the next one. */
  isResting: boolean;
  /** Until when all is tried at full pace. */
  fastUntilMs: number;
}

/** A try to leave the relay. */
export interface Punch {
  targets: readonly Endpoint[];
  index: number;
  sinceMs: number;
  windowMs: number;
  /** When WireGuard was last pointed at the target, and proofs since. */
  pointedMs: number;
  proofs: number;
  /** Looks in a row that found it still pointed there with proofs. */
  goodLooks: number;
}

export interface TunnelState {
  readonly id: Uint8Array;
  readonly role: TunnelRole;
  /** The other end. */
  readonly peer: PeerId;
  /** Own WireGuard key, 32 bytes. */
  readonly key: Uint8Array;
  readonly purpose: string;
  readonly expiresAtMs: number;
  /** Proofs need come no more often than this while all is well. */
  readonly leastPaceMs: number;
  phase: TunnelPhase;
  reason: string;
  own: Whereabouts;
  theirs: Whereabouts;
  theirKey: Uint8Array | undefined;
  sequence: number;
  theirSequence: number;
  /** Leader only, ranked. */
  relays: readonly PeerId[];
  /** When a message to the other is due again while nothing is heard: offer, or candidates. */
  sayAgainMs: number;
  /** Where WireGuard sends to, as far as known. */
  way: Endpoint | undefined;
  /** Where it was last found to send to that was no relay. */
  lastDirect: Endpoint | undefined;
  /** Last time that an echo came back; 0: never. */
  provenMs: number;
  rttMs: number | undefined;
  /** How often echoes go while it is up, and since when. */
  paceMs: number;
  pacedMs: number;
  /** When it was last known to carry more than echoes. */
  usedMs: number;
  /** What WireGuard had sent and received when it was last looked at. */
  counted: { bytes: number; atMs: number } | undefined;
  /** When the other end last said where it is. */
  heardMs: number;
  /** Echoes go fast because the way is doubted: it is given up then, unless one comes back. */
  doubtUntilMs: number | undefined;
  search: Search | undefined;
  relay: RelayPlace | undefined;
  asked: { peer: PeerId; atMs: number } | undefined;
  /** Relays that failed, and until when they are left alone. */
  shunned: ReadonlyMap<PeerId, number>;
  directSinceMs: number;
  punch: Punch | undefined;
  punchAtMs: number;
  punchFailures: number;
  /** Leader: the relay was asked where the other is, and has not said. */
  isPunchAsked: boolean;
  lookAtMs: number;
}

export type NewTunnel = Pick<
  TunnelState,
  "id" | "role" | "peer" | "key" | "purpose" | "expiresAtMs" | "own" | "relays"
> &
  Partial<Pick<TunnelState, "leastPaceMs">>;

/** A tunnel of which the other end knows nothing yet (leader), or whose offer it has made (follower, which is then given `accepted`). */
export function newTunnel(tunnel: NewTunnel): TunnelState {
  const { leastPaceMs = 0 } = tunnel;
  return {
    ...tunnel,
    leastPaceMs,
    phase: "introducing",
    reason: "",
    theirs: { nat: "unknown", endpoints: [], metered: false },
    theirKey: undefined,
    sequence: 0,
    theirSequence: 0,
    sayAgainMs: 0,
    way: undefined,
    provenMs: 0,
    rttMs: undefined,
    paceMs: Math.max(STEADY_MS, leastPaceMs),
    pacedMs: 0,
    usedMs: 0,
    counted: undefined,
    heardMs: 0,
    doubtUntilMs: undefined,
    search: undefined,
    relay: undefined,
    asked: undefined,
    shunned: new Map(),
    directSinceMs: 0,
    punch: undefined,
    punchAtMs: 0,
    punchFailures: 0,
    isPunchAsked: false,
    lookAtMs: 0,
    lastDirect: undefined,
  };
}

export type TunnelEvent = { atMs: number } & (
  | { type: "tick" }
  | { type: "accepted"; key: Uint8Array; at: Whereabouts }
  | { type: "candidates"; sequence: number; at: Whereabouts }
  /** Own addresses, NAT or relays are other ones now. */
  | { type: "moved"; at: Whereabouts; relays: readonly PeerId[] }
  | { type: "proof"; rttMs: number }
  /**
   * What WireGuard was found to send to, how many bytes it has sent and received by now, and whether they leave by a
   * metered link.
   */
  | { type: "seen"; endpoint: Endpoint | undefined; bytes: number; metered: boolean }
  /** The interface had gone, and is there again without a peer. */
  | { type: "renewed" }
  | {
      type: "granted";
      from: PeerId;
      ours: readonly Endpoint[];
      theirs: readonly Endpoint[];
      lifetimeMs: number;
    }
  | { type: "denied"; from: PeerId }
  | { type: "relay-over"; from: PeerId }
  | { type: "relayed"; relay: PeerId; endpoints: readonly Endpoint[] }
  | { type: "observed"; from: PeerId; other: Endpoint }
  | { type: "bye"; reason: string }
  | { type: "close"; reason: string }
);

export type TunnelAction =
  | { type: "tell"; message: TunnelMessage }
  | { type: "tell-relay"; relay: PeerId; message: RelayMessage }
  /** Set the peer in WireGuard. */
  | { type: "point"; endpoint: Endpoint | undefined; fresh: boolean }
  /** How often echoes go, the first one at once; 0: none. */
  | { type: "pace"; intervalMs: number }
  /** Ask WireGuard where it sends to; comes back as `seen`, or as `renewed`. */
  | { type: "look" }
  | { type: "end"; reason: string };

/** A way that an address change has made doubtful is given this long. */
const MOVED_DOUBT_MS = 400;
/** How long one way is tried at first, and at most. */
export const TRY_MS = 400;
export const LONGEST_TRY_MS = 3_000;
/** A search at full pace lasts so long; after it each way is tried for {@link LONGEST_TRY_MS}, with growing rests between. */
export const FAST_SEARCH_MS = 180_000;
export const LONGEST_REST_MS = 60_000;
/** The other end is news again when nothing was heard of it for so long. */
export const AWAY_MS = 180_000;
/** A relay that has not granted after this is passed over, and left alone for so long. */
export const GRANT_WAIT_MS = 1_000;
export const SHUN_MS = 30_000;
/** In a slow search. */
export const SLOW_SHUN_MS = 300_000;
/** A relay is kept this long after the ends have found each other without it. */
export const GRACE_MS = 10_000;
export const LOOK_EVERY_MS = 2_000;
export const SAY_AGAIN_MS = 3_000;

/** How long a way may stay without proof after an end has moved, or a punch has failed. */
export const movedPatienceMs = (rttMs = 0): number => Math.max(MOVED_DOUBT_MS, 3 * rttMs);

export const sameEndpoint = (a: Endpoint | undefined, b: Endpoint | undefined): boolean =>
  a !== undefined && b !== undefined && a.address === b.address && a.port === b.port;

export const isUp = ({ phase }: TunnelState): boolean => phase === "direct" || phase === "relayed";

/** Whether nothing was found for so long that it is not worth full pace. */
export const isSlow = ({ search }: TunnelState, atMs: number): boolean =>
  search !== undefined && atMs >= search.fastUntilMs;
