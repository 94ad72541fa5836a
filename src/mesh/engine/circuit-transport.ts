import { type CircuitRelayTransportComponents, circuitRelayTransport } from "@libp2p/circuit-relay-v2";
import type { Connection, Transport } from "@libp2p/interface";
import type { PeerId } from "./engine-interface.ts";
import { type Replacements, replacing } from "./replacing.ts";

/** A peer's connections, the best first. */
export type ConnectionsOf = (peer: PeerId) => readonly Connection[];

/**
 * libp2p's transport for circuits, kept from making a reservation by itself with whoever hands it a circuit: reservations
 * are those that this box has asked for, and no others (`relay-reservations.ts`).
 */
export function circuitTransport(
  connectionsOf: ConnectionsOf,
): (components: CircuitRelayTransportComponents) => Transport {
  return (components) =>
    circuitRelayTransport()(
      replacing(bestFirst(components, connectionsOf), {
        transportManager: () =>
          replacing(components.transportManager, { listen: () => () => Promise.resolve() }),
      }),
    );
}

/**
 * For transports that use what is connected already, to dial through a relay or to arrange WebRTC. They take a peer's first
 * connection, which may be one that is dead, or itself a circuit; here the first is the best.
 */
export function bestFirst<T extends Pick<CircuitRelayTransportComponents, "connectionManager">>(
  components: T,
  connectionsOf: ConnectionsOf,
): T {
  // Asked for only now and then: libp2p makes its transports before its connection manager is complete.
  const getConnections: T["connectionManager"]["getConnections"] = (peer) =>
    peer === undefined ? components.connectionManager.getConnections() : [...connectionsOf(peer.toString())];
  return replacing<T>(components, {
    connectionManager: () =>
      replacing(components.connectionManager, { getConnections: () => getConnections }),
  } as Replacements<T>);
}
