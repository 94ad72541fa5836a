import type { BootstrapPeer } from "../../identity/index.ts";
import type { PeerId } from "../engine/engine-interface.ts";
import { peerIdOf } from "../engine/peer-id.ts";

/** Boxes to begin with, by their peer id. */
export const bootstrapOf = (peers: readonly BootstrapPeer[]): ReadonlyMap<PeerId, readonly string[]> =>
  new Map(peers.map(({ publicKey, addresses }) => [peerIdOf(publicKey), addresses]));
