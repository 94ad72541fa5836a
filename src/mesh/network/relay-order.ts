import type { PeerId } from "../engine/engine-interface.ts";

export interface RelayFacts {
  /** By whom the peer says that it can be reached: first those at which it holds a place. */
  reachedBy: readonly PeerId[];
  /** Members that relay for others. */
  relays: ReadonlySet<PeerId>;
  /** Those of all members that this box is connected to without a relay. */
  straight: ReadonlySet<PeerId>;
  /** The better one first, where nothing else decides. */
  rank: (a: PeerId, b: PeerId) => number;
}

/**
 * By whom to try to reach a peer, the likeliest first: who is at hand and holds a place for it; then who is at hand and
 * may have one that the peer's record does not name yet; then who would have to be reached first. Pure.
 */
export function relayOrder({ reachedBy, relays, straight, rank }: RelayFacts): PeerId[] {
  const named = [...new Set(reachedBy)].filter((peer) => relays.has(peer));
  const others = [...straight].filter((peer) => relays.has(peer) && !named.includes(peer)).sort(rank);
  return [
    ...named.filter((peer) => straight.has(peer)),
    ...others.slice(0, 1),
    ...named.filter((peer) => !straight.has(peer)),
    ...others.slice(1),
  ];
}
