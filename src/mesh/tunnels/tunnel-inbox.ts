import type { PeerId } from "../engine/engine-interface.ts";
import type { TunnelMessage } from "./tunnel-messages.ts";
import type { TunnelEvent } from "./tunnel-state.ts";

/** Whether a message may come from there: what the ends say comes from the other end; what relays say is checked by the tunnel, which knows its relay. */
export function isFor(message: TunnelMessage, peer: PeerId, from: PeerId): boolean {
  switch (message.type) {
    case "grant":
    case "deny":
    case "observed":
    case "relay-over":
      return true;
    default:
      return from === peer;
  }
}

/** What a message means to a tunnel that exists; undefined for an offer, which is to make one. */
export function toEvent(message: TunnelMessage, from: PeerId, atMs: number): TunnelEvent | undefined {
  switch (message.type) {
    case "offer":
      return undefined;
    case "accept":
      return { type: "accepted", key: message.key, at: message.at, atMs };
    case "candidates":
      return { type: "candidates", sequence: message.sequence, at: message.at, atMs };
    case "relayed":
      return { type: "relayed", relay: message.relay, endpoints: message.endpoints, atMs };
    case "bye":
      return { type: "bye", reason: message.reason, atMs };
    case "grant": {
      const { yours: ours, theirs, lifetimeS } = message;
      return { type: "granted", from, ours, theirs, lifetimeMs: lifetimeS * 1_000, atMs };
    }
    case "deny":
      return { type: "denied", from, atMs };
    case "observed":
      return { type: "observed", from, other: message.other, atMs };
    case "relay-over":
      return { type: "relay-over", from, atMs };
  }
}
