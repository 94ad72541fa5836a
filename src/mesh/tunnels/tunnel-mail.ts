import type { Logger } from "../../host/log.ts";
import type { PeerId } from "../engine/engine-interface.ts";
import type { ControlChannel } from "../paths/paths-interface.ts";
import {
  decodeRelayMessage,
  decodeTunnelMessage,
  encodeRelayMessage,
  encodeTunnelMessage,
  RELAY_CHANNEL,
  type RelayMessage,
  TUNNEL_CHANNEL,
  type TunnelMessage,
} from "./tunnel-messages.ts";

const MESSAGE_TIMEOUT_MS = 5_000;

/** What ends of tunnels and relays say to each other: nothing malformed is taken, and what is lost is said again by who needs it. */
export class TunnelMail {
  constructor(
    private readonly channel: ControlChannel,
    private readonly log: Logger,
  ) {}

  /** To an end of a tunnel. */
  tell(peer: PeerId, message: TunnelMessage): void {
    this.send(peer, TUNNEL_CHANNEL, encodeTunnelMessage(message), message.type);
  }

  tellRelay(relay: PeerId, message: RelayMessage): void {
    this.send(relay, RELAY_CHANNEL, encodeRelayMessage(message), message.type);
  }

  /** Takes what is said to this box as the end of a tunnel. */
  onTold(take: (from: PeerId, message: TunnelMessage) => void): void {
    this.handle(TUNNEL_CHANNEL, decodeTunnelMessage, take);
  }

  /** Takes what is said to this box as a relay. */
  onRelayTold(take: (from: PeerId, message: RelayMessage) => void): void {
    this.handle(RELAY_CHANNEL, decodeRelayMessage, take);
  }

  private handle<T>(
    channel: string,
    decode: (body: Uint8Array) => T,
    take: (from: PeerId, message: T) => void,
  ): void {
    this.channel.handle(channel, (from, body) => {
      let message: T;
      try {
        message = decode(body);
      } catch (error) {
        this.log.debug({ error, peer: from }, `${channel}: a malformed message`);
        return;
      }
      take(from, message);
    });
  }

  private send(peer: PeerId, channel: string, body: Uint8Array, what: string): void {
    const options = { urgency: "control", timeoutMs: MESSAGE_TIMEOUT_MS } as const;
    this.channel.send(peer, channel, body, options).catch((error) => {
      this.log.debug({ error, peer }, `${channel}: ${what} was not delivered`);
    });
  }
}
