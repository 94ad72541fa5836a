import type { Connection, Stream, Transport } from "@libp2p/interface";
import { type WebRTCTransportComponents, webRTC } from "@libp2p/webrtc";
import type { Timers } from "../../host/timers.ts";
import { bestFirst, type ConnectionsOf } from "./circuit-transport.ts";
import { replacing } from "./replacing.ts";
import { filterSignals, SignallingRoom } from "./webrtc-signalling.ts";

/** The answer is taken in within the turn of the event loop in which it comes. */
const TAKEN_IN_MS = 5;

export interface WebRtcOptions {
  /** "stun:host:port". Never those of others, whom libp2p would ask if it were given none. */
  stunServers: () => readonly string[];
  connectionsOf: ConnectionsOf;
  /** Whether this node listens on loopback addresses alone, and so may be told of some. */
  loopbackOnly: boolean;
  timers: Timers;
}

/**
 * libp2p's WebRTC between two that are connected already, or through a relay. The side that dials is kept from naming its
 * addresses before it has the answer to its offer. Otherwise the other side reaches it over the short way while the answer
 * is still on the long one, through a relay; and as the answer has the fingerprint of the other's certificate,
 * libdatachannel takes it for a forger ("certificate verify failed") and the dial hangs, as one in ten did on one
 * machine. Nothing is lost by waiting: without the answer no connection comes about.
 *
 * What the other side says of where it is passes the same rules as any address that is dialled.
 */
export function webRtcTransport(
  options: WebRtcOptions,
): (components: WebRTCTransportComponents) => Transport {
  const { stunServers, connectionsOf, loopbackOnly } = options;
  const room = new SignallingRoom();
  const rtcConfiguration = () => ({ iceServers: stunServers().map((urls) => ({ urls })) });
  const patient = (connection: Connection): Connection => forSignalling(connection, options);
  return (components) =>
    webRTC({ rtcConfiguration })(
      replacing(
        bestFirst(components, (peer) => connectionsOf(peer).map(patient)),
        {
          transportManager: () =>
            replacing(components.transportManager, {
              dial: () => async (address, how) =>
                patient(await components.transportManager.dial(address, how)),
            }),
          registrar: () =>
            replacing(components.registrar, {
              handle: () => (protocol, serve, how) =>
                components.registrar.handle(
                  protocol,
                  (stream, connection) => {
                    if (!room.take(connection.remotePeer.toString(), stream)) return;
                    filterSignals(stream, loopbackOnly);
                    return serve(stream, connection);
                  },
                  how,
                ),
            }),
        },
      ),
    );
}

/** A connection for signalling alone: of each stream what follows the first message waits for the first that comes back. */
function forSignalling(connection: Connection, { loopbackOnly, timers }: WebRtcOptions): Connection {
  return replacing(connection, {
    newStream: () => async (protocols, options) => {
      const stream = await connection.newStream(protocols, options);
      holdBack(stream, timers);
      filterSignals(stream, loopbackOnly);
      return stream;
    },
  });
}

function holdBack(stream: Stream, timers: Timers): void {
  const send = stream.send.bind(stream);
  const held: Parameters<Stream["send"]>[0][] = [];
  let isOffered = false;
  let isAnswered = false;
  stream.send = (data) => {
    if (isOffered && !isAnswered) {
      held.push(data);
      return true;
    }
    isOffered = true;
    return send(data);
  };
  const release = (): void => {
    isAnswered = true;
    if (stream.writeStatus !== "writable") return;
    for (const data of held.splice(0)) send(data);
  };
  // Nothing comes before the offer was sent; so this listener takes nothing from the one that is added then.
  stream.addEventListener("message", () => timers.after(TAKEN_IN_MS, release), { once: true });
}
