import type { ConnectionGater, MultiaddrConnection, PeerId } from "@libp2p/interface";
import type { Timers } from "../../host/timers.ts";
import { forbiddenAddress } from "./address-rules.ts";
import type { CheckedMembers } from "./checked-members.ts";
import { hasComeAbout } from "./webrtc-phantom.ts";

export interface GaterOptions {
  members: CheckedMembers;
  /** Whether this node listens on loopback addresses alone. */
  loopbackOnly: boolean;
  /**
   * Connections that one address may have between "accepted" and "a member". libp2p takes few on from all addresses
   * together, and one address is not to take them all.
   */
  maxPendingOfAddress: number;
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
  const { members, refused } = options;
  const pending = new Map<string, number>();

  const noMember = (peer: PeerId, connection: MultiaddrConnection): boolean => {
    if (members.get(peer.toString()) !== undefined) return false;
    refused(String(connection.remoteAddr), `${peer} has not shown that it is a member`);
    return true;
  };

  return {
    denyDialMultiaddr: (address) => forbiddenAddress(address, options.loopbackOnly) !== undefined,

    denyInboundConnection(connection) {
      const source = sourceOf(connection);
      const others = pending.get(source) ?? 0;
      if (others >= options.maxPendingOfAddress) {
        refused(String(connection.remoteAddr), "too many connections at once from its address");
        return true;
      }
      pending.set(source, others + 1);
      pendingOf.set(connection, () => {
        const left = (pending.get(source) ?? 1) - 1;
        if (left > 0) pending.set(source, left);
        else pending.delete(source);
      });
      connection.addEventListener("close", () => noLongerPending(connection), { once: true });
      return false;
    },

    async denyInboundUpgradedConnection(peer, connection) {
      if (noMember(peer, connection)) return true;
      const isPhantom = !(await hasComeAbout(connection, options.timers));
      noLongerPending(connection);
      return isPhantom;
    },
    denyOutboundUpgradedConnection: noMember,

    denyInboundRelayReservation: (peer) => members.get(peer.toString()) === undefined,
    denyOutboundRelayedConnection: (from, to) =>
      members.get(from.toString()) === undefined || members.get(to.toString()) === undefined,
    denyInboundRelayedConnection: (relay) => !options.isOwnRelay(relay.toString()),
  };
}

/** How to take a connection out of the count of those that are not through yet. */
const pendingOf = new WeakMap<MultiaddrConnection, () => void>();

function noLongerPending(connection: MultiaddrConnection): void {
  pendingOf.get(connection)?.();
  pendingOf.delete(connection);
}

/**
 * An IPv4 address, the /64 of an IPv6 address (not of a link-local one: all on a link share that), or the member whose
 * circuit it is, by a relay's word: what one attacker has one of. Those whose relay is the same are many members.
 */
function sourceOf({ remoteAddr }: MultiaddrConnection): string {
  const components = remoteAddr.getComponents();
  if (components.some(({ name }) => name === "p2p-circuit")) {
    return components.findLast(({ name }) => name === "p2p")?.value ?? "relay";
  }
  const ip = components.find(({ name }) => name === "ip4" || name === "ip6");
  if (ip?.name !== "ip6") return ip?.value ?? String(remoteAddr);
  const address = ip.value ?? "";
  return /^fe[89ab]/i.test(address) ? address : network64(address);
}

function network64(address: string): string {
  const [head = "", tail] = address.split("::");
  const before = head === "" ? [] : head.split(":");
  if (tail === undefined) return before.slice(0, 4).join(":");
  const after = tail === "" ? [] : tail.split(":");
  const zeros = Array.from({ length: Math.max(0, 8 - before.length - after.length) }, () => "0");
  return [...before, ...zeros, ...after].slice(0, 4).join(":");
}
