import { randomBytes } from "node:crypto";
import type { WaysConfig } from "../../config/index.ts";
import type { Logger } from "../../host/log.ts";
import type { Timers } from "../../host/timers.ts";
import type { Engine, PeerId } from "../engine/engine-interface.ts";
import { StunResponder } from "../nat/stun-responder.ts";
import { DEFAULT_POLICY } from "../paths/path-choice.ts";
import { Paths } from "../paths/paths.ts";
import type { Carrier, PathKind, PathOffer, PathTarget } from "../paths/paths-interface.ts";
import type { RelayQuotas } from "../paths/relay-desk.ts";
import { StreamCarrier } from "../paths/stream-carrier.ts";
import { UdpCarrier } from "../paths/udp-carrier.ts";
import { type LoraBearer, LoraCarrier } from "./lora-carrier.ts";
import { WAYS_CHANNEL } from "./way-keeper.ts";

export interface DatagramsOptions {
  engine: Engine;
  /** UDP port; 0: any. */
  port: number;
  /** Only this address; undefined: all. */
  address: string | undefined;
  prefer: readonly PathKind[];
  /** What counts against a way, as the operator has said. */
  ways?: WaysConfig;
  relay: RelayQuotas;
  lora: LoraBearer | undefined;
  /** There are other streams to a peer than before. */
  streamsChanged: (peer: PeerId) => void;
  /** What kind of way it is that a peer's datagrams came by without an offer. */
  classify: (target: PathTarget, interfaceName: string | undefined) => PathOffer;
  timers: Timers;
  log: Logger;
}

/** The datagrams of one network: its UDP port, which answers STUN too, streams and LoRa beneath, the paths above. */
export class Datagrams {
  readonly paths: Paths;
  private readonly udp: UdpCarrier;
  private readonly streams: StreamCarrier;
  private readonly engine: Engine;
  private detach: () => void = () => {};

  constructor(options: DatagramsOptions) {
    this.engine = options.engine;
    const { port, address, prefer, ways, relay, lora, classify, timers, log } = options;
    const stun = new StunResponder({
      timers,
      send: (datagram, to) => {
        try {
          this.udp.sendTo(to, datagram);
        } catch (error) {
          log.debug({ error }, "STUN could not be answered");
        }
      },
    });
    this.udp = new UdpCarrier({
      port,
      ...(address === undefined ? {} : { address }),
      onDatagram: (endpoint, datagram, interfaceName) =>
        this.paths.receive({ by: "udp", endpoint }, datagram, interfaceName),
      onStun: (from, datagram) => void stun.take(datagram, from),
      onError: (error) => log.debug({ error }, "UDP"),
    });
    this.streams = new StreamCarrier({
      timers,
      onDatagram: (from, datagram) => this.paths.receive(from, datagram),
      opened: (peer) => options.streamsChanged(peer),
      closed: (peer) => options.streamsChanged(peer),
      failed: (error) => log.debug({ error }, "a stream of datagrams"),
    });
    const carriers = new Map<PathTarget["by"], Carrier>([
      ["udp", this.udp],
      ["stream", this.streams],
    ]);
    if (lora) carriers.set("lora", new LoraCarrier(lora));
    this.paths = new Paths({
      carriers,
      timers,
      random: unforeseeable,
      policy: { order: prefer, weights: ways ?? DEFAULT_POLICY.weights },
      costs: ways?.costs ?? [],
      upkeep: new Set([WAYS_CHANNEL]),
      relay,
      classify,
      failed: (error) => log.error({ error }, "a message of another box could not be handled"),
    });
  }

  /** @throws where the port is taken */
  async start(): Promise<void> {
    await this.udp.start();
    this.detach = this.streams.attach(this.engine);
  }

  stop(): void {
    this.paths.stop();
    this.detach();
    this.udp.stop();
  }

  /** Ways over streams to a peer. */
  streamOffers(peer: PeerId): PathOffer[] {
    return this.streams.offers(peer);
  }

  get port(): number {
    return this.udp.port;
  }
}

/** 0 ≤ x < 1, with 48 bits that nobody else can guess. */
const unforeseeable = (): number => randomBytes(6).readUIntBE(0, 6) / 2 ** 48;
