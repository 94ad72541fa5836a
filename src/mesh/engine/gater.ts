import type { ConnectionGater, MultiaddrConnection, PeerId } from "@libp2p/interface";
import type { Timers } from "../../host/timers.ts";
import { forbiddenAddress } from "./address-rules.ts";
import type { CheckedMembers } from "./checked-members.ts";
import type { InboundPool } from "./inbound-pool.ts";
import { hasComeAbout } from "./webrtc-phantom.ts";

/** Connections of one peer, over all ways to it, beyond which it brings no more: one member is not to have them all. */
const MAX_OF_PEER = 8;

export interface GaterOptions {
  members: CheckedMembers;
  /** Whether this node listens on loopback addresses alone. */
  loopbackOnly: boolean;
  /** Those that are not through the handshakes yet. */
  pool: InboundPool;
  /** How many connections a peer has now. */
  connectionCount(peer: string): number;
  timers: Timers;
  /** Whether a relay is one that this box has asked to relay to it. */
  isOwnRelay(relay: string): boolean;
  refused(remote: string, why: string): void;
}

/**
 * What libp2p asks before it goes on with a connection. The last question, when a connection is about to be given to the
 * rest of the node, is the one that all transports meet, also WebRTC, which brings the peer id of the connection that it
 * was arranged over and shows no certificates itself: only a peer whose certificates were checked, and still hold, passes.
 */
export function createGater(options: GaterOptions): ConnectionGater {
  const { members, pool, refused } = options;

  const noMember = (peer: PeerId, connection: MultiaddrConnection): boolean => {
    if (members.get(peer.toString()) !== undefined) return false;
    refused(String(connection.remoteAddr), `${peer} has not shown that it is a member`);
    return true;
  };

  return {
    denyDialMultiaddr: (address) => forbiddenAddress(address, options.loopbackOnly) !== undefined,

    denyInboundConnection(connection) {
      pool.arrived(connection);
      // WebRTC is between members already, and shows no key; what shows one is counted when it has.
      if (!connection.remoteAddr.getComponents().some(({ name }) => name === "webrtc")) return false;
      const why = pool.proven(connection);
      if (why === undefined) return false;
      pool.leave(connection);
      refused(String(connection.remoteAddr), why);
      return true;
    },

    async denyInboundUpgradedConnection(peer, connection) {
      if (noMember(peer, connection)) return true;
      const isPhantom = !(await hasComeAbout(connection, options.timers));
      pool.leave(connection);
      if (isPhantom) return true;
      if (options.connectionCount(peer.toString()) < MAX_OF_PEER) return false;
      refused(String(connection.remoteAddr), `${peer} has ${MAX_OF_PEER} connections already`);
      return true;
    },
    denyOutboundUpgradedConnection: noMember,

    denyInboundRelayReservation: (peer) => members.get(peer.toString()) === undefined,
    denyOutboundRelayedConnection: (from, to) =>
      members.get(from.toString()) === undefined || members.get(to.toString()) === undefined,
    denyInboundRelayedConnection: (relay) => !options.isOwnRelay(relay.toString()),
  };
}
