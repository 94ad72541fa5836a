import { createHash } from "node:crypto";
import { remembering } from "../../host/remembering.ts";
import type { PeerId } from "../engine/engine-interface.ts";

export interface NeighbourFacts {
  self: PeerId;
  /** How many to keep in touch with. */
  wanted: number;
  /** Members that are known, in any order. */
  known: readonly PeerId[];
  /** Heard of on a link of ours lately. */
  sighted: ReadonlySet<PeerId>;
  /** Named by an invite or met before: where to begin when nobody else answers. */
  bootstrap: readonly PeerId[];
  connected: ReadonlySet<PeerId>;
}

/** How many of the wanted are neighbours on the ring of all members, so that no group of boxes closes itself off. */
const RING = 4;

/** So many are called at once by a box that has fewer. */
export const CALLED_AT_ONCE = 6;
const ONE_MORE_EVERY_MS = 5_000;

/**
 * How many neighbours a box looks for by itself, up to those that it is to have in all: some at once, then one more every
 * few seconds. Others call it meanwhile: where all of a network start together, as after a power cut, each would have
 * twice as many as it wants otherwise. Pure.
 * @param fedForMs for how long it has had {@link CALLED_AT_ONCE} or more; 0 while it has fewer
 */
export const soughtNeighbours = (most: number, fedForMs: number): number =>
  Math.min(most, CALLED_AT_ONCE + Math.floor(fedForMs / ONE_MORE_EVERY_MS));

/**
 * With whom a box keeps in touch: its neighbours on the ring of all members' hashes (whoever follows this rule is in
 * one connected whole with all the others), then boxes on its own links, then any: those that it is connected with first,
 * whoever has called, or each that comes would be called by all that were there; the others by a hash that differs from box
 * to box so that nobody is everybody's neighbour. While fewer than two are connected, those that it began with too.
 * Pure; the same facts give the same plan.
 */
export function planNeighbours(facts: NeighbourFacts): PeerId[] {
  const { self, wanted, sighted, bootstrap, connected } = facts;
  const known = [...new Set(facts.known)].filter((peer) => peer !== self);
  const plan = new Set<PeerId>();
  const add = (peers: readonly PeerId[], most = wanted) => {
    for (const peer of peers) if (plan.size < most) plan.add(peer);
  };
  add(ringNeighbours(self, known), Math.min(RING, wanted));
  const inTurn = (peers: readonly PeerId[]) =>
    peers
      .map((peer) => ({ peer, turn: `${connected.has(peer) ? 0 : 1}${distance(self, peer)}` }))
      .sort((a, b) => (a.turn < b.turn ? -1 : 1))
      .map(({ peer }) => peer);
  const isSighted = (peer: PeerId) => sighted.has(peer);
  add(inTurn(known.filter(isSighted)));
  add(inTurn(known.filter((peer) => !isSighted(peer))));
  const others = [...connected].filter((peer) => !bootstrap.includes(peer)).length;
  if (others < 2) for (const peer of bootstrap) if (peer !== self) plan.add(peer);
  return [...plan];
}

/** The two before and the two after this box on the ring, nearest first. */
function ringNeighbours(self: PeerId, known: readonly PeerId[]): PeerId[] {
  const own = hashOf(self);
  const ring = known.map((peer) => ({ peer, at: hashOf(peer) })).sort((a, b) => (a.at < b.at ? -1 : 1));
  const after = ring.findIndex(({ at }) => at > own);
  const start = after < 0 ? 0 : after;
  return [0, -1, 1, -2].flatMap((offset) => {
    const entry = ring[(start + offset + ring.length * 2) % Math.max(1, ring.length)];
    return entry ? [entry.peer] : [];
  });
}

const distance = (a: PeerId, b: PeerId): string => hashOf(a < b ? a + b : b + a);

const hashOf = remembering((text) => createHash("sha256").update(text).digest("hex").slice(0, 16));
