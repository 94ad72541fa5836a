import { createHash } from "node:crypto";
import { remembering } from "../../host/remembering.ts";
import type { PeerId } from "../engine/engine-interface.ts";

export interface NeighbourFacts {
  self: PeerId;
  /** How many to keep in touch with. */
  wanted: number;
  /** How many that are not connected may be called beyond the ring's and those by hash: see {@link CallAllowance}. */
  mayCall: number;
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

/** So many are chosen by hash alone, whoever calls: nobody fills all places of a box by calling it. */
const BY_HASH = 3;
/** Fewer connections than these, and all are called at once. */
export const HARDLY_ANY = 2;
const ONE_MORE_EVERY_MS = 5_000;

/**
 * How many boxes are called at a time beyond those that the plan is bound to: none at first, then one more every few seconds
 * while nobody comes. Others call this box meanwhile: where all of a network start together, as after a power cut, each
 * would have twice as many neighbours as it wants otherwise. Once it has had them, it does not wait for others again.
 */
export class CallAllowance {
  private most = 0;
  private gainedMs = 0;

  /** @param connected how many there are now */
  at(nowMs: number, connected: number): number {
    if (connected > this.most) {
      this.most = connected;
      this.gainedMs = nowMs;
    }
    if (connected < HARDLY_ANY) return Number.POSITIVE_INFINITY;
    return Math.floor((nowMs - this.gainedMs) / ONE_MORE_EVERY_MS);
  }
}

/**
 * With whom a box keeps in touch: its neighbours on the ring of all members' hashes (whoever follows this rule is in
 * one connected whole with all the others), then boxes on its own links, then any; of these a few by a hash that differs from
 * box to box, so that nobody is everybody's neighbour, then those that it is connected with, whoever has called, then
 * as many others as it may call. While fewer than two are connected, those that it began with too.
 * Pure; the same facts give the same plan.
 */
export function planNeighbours(facts: NeighbourFacts): PeerId[] {
  const { self, wanted, mayCall, sighted, bootstrap, connected } = facts;
  const known = [...new Set(facts.known)].filter((peer) => peer !== self);
  const plan = new Set<PeerId>();
  const add = (peers: readonly PeerId[], most = wanted) => {
    for (const peer of peers) if (plan.size < most) plan.add(peer);
  };
  add(ringNeighbours(self, known), Math.min(RING, wanted));
  const byDistance = (peers: readonly PeerId[]) =>
    peers
      .map((peer) => ({ peer, distance: hashOf(self < peer ? self + peer : peer + self) }))
      .sort((a, b) => (a.distance < b.distance ? -1 : 1))
      .map(({ peer }) => peer);
  const near = byDistance(known.filter((peer) => sighted.has(peer)));
  const far = byDistance(known.filter((peer) => !sighted.has(peer)));
  add([...near, ...far], Math.min(RING + BY_HASH, wanted));
  let left = mayCall;
  for (const peers of [near, far]) {
    add(peers.filter((peer) => connected.has(peer)));
    const others = peers.filter((peer) => !connected.has(peer) && !plan.has(peer)).slice(0, left);
    add(others);
    left -= others.length;
  }
  const strangers = [...connected].filter((peer) => !bootstrap.includes(peer)).length;
  if (strangers < HARDLY_ANY) for (const peer of bootstrap) if (peer !== self) plan.add(peer);
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

const hashOf = remembering((text) => createHash("sha256").update(text).digest("hex").slice(0, 16));
