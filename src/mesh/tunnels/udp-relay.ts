import { atIntervals, onceAtATime } from "../../host/intervals.ts";
import type { Logger } from "../../host/log.ts";
import type { Timers } from "../../host/timers.ts";
import type { PeerId } from "../engine/engine-interface.ts";
import { type Endpoint, endpointText } from "../paths/endpoint.ts";
import type { ControlChannel } from "../paths/paths-interface.ts";
import { familyOf } from "./candidates.ts";
import { type FlowEnd, type FlowSide, type FlowState, flowStep } from "./relay-flow.ts";
import { countedOf, forwardsIpv6, RelayKernel } from "./relay-kernel.ts";
import type { Counted, PlannedFlow, RelayQuotas } from "./relay-ruleset.ts";
import { RelaySockets } from "./relay-sockets.ts";
import {
  decodeRelayMessage,
  encodeTunnelMessage,
  isUnicast,
  MAX_CANDIDATES,
  RELAY_CHANNEL,
  type RelayMessage,
  TUNNEL_CHANNEL,
  type TunnelMessage,
} from "./tunnel-messages.ts";

export interface UdpRelayOptions {
  channel: ControlChannel;
  /** The box's own addresses at which ends may arrive, with their interfaces; no link-local ones. */
  addresses(): readonly { address: string; interface: string }[];
  /** Where a UDP port of this box may be met by others, the likeliest first. */
  endpoints(port: number): readonly Endpoint[];
  quotas: RelayQuotas;
  /** Name of the table in nftables: another one for each network of the box. Default "omerta_relay". */
  table?: string;
  timers: Timers;
  /** 0 ≤ x < 1, secure: ports are not to be guessed. */
  random(): number;
  log: Logger;
}

export interface RelayedStatus {
  requester: PeerId;
  other: PeerId;
  /** Where the ends are, once known. */
  ends?: Record<FlowSide, Endpoint>;
  counted: Record<FlowSide, Counted>;
}

interface Flow {
  id: Uint8Array;
  requester: PeerId;
  other: PeerId;
  family: 4 | 6;
  slot: number;
  sockets: RelaySockets;
  state: FlowState;
  untilMs: number;
  counted: Record<FlowSide, Counted>;
}

const LOOK_EVERY_MS = 5_000;
const MESSAGE_TIMEOUT_MS = 5_000;

/** A relay has no room for one more. */
class RelayFull extends Error {}

/**
 * Relays WireGuard tunnels of other members, two UDP ports for each, without reading anything: what the ends send is
 * encrypted between them. Handshakes pass through here, by which the relay sees who the ends are (see relay-flow.ts);
 * data is forwarded by the kernel.
 */
export class UdpRelay {
  private readonly flows = new Map<string, Flow>();
  /** Keys of flows whose sockets are being opened. */
  private readonly opening = new Set<string>();
  private readonly kernel: RelayKernel;
  private readonly converge: () => Promise<void>;
  private stopLooking: (() => Promise<void>) | undefined;

  constructor(private readonly options: UdpRelayOptions) {
    this.kernel = new RelayKernel(options.table ?? "omerta_relay");
    this.converge = onceAtATime(() => this.apply());
  }

  async start(): Promise<void> {
    await this.kernel.start();
    this.options.channel.handle(RELAY_CHANNEL, (from, body) => this.take(from, body));
    this.stopLooking = atIntervals(
      LOOK_EVERY_MS,
      () => this.look(),
      (error) => this.options.log.warn({ error }, "relay: could not look after its flows"),
    );
  }

  /** The ends are told, and look for another way. */
  async stop(): Promise<void> {
    await this.stopLooking?.();
    this.stopLooking = undefined;
    for (const [key, flow] of this.flows) this.end(key, flow, true);
    await this.converge();
  }

  status(): RelayedStatus[] {
    return [...this.flows.values()].map(({ requester, other, state: { a, b }, counted }) => ({
      requester,
      other,
      ...(a && b ? { ends: { a: a.remote, b: b.remote } } : {}),
      counted,
    }));
  }

  private take(from: PeerId, body: Uint8Array): void {
    if (!this.stopLooking) return;
    let message: RelayMessage;
    try {
      message = decodeRelayMessage(body);
    } catch (error) {
      this.options.log.debug({ error, peer: from }, "relay: a malformed message");
      return;
    }
    // Under the name of who asks: nobody else can end or change it.
    const key = `${Buffer.from(message.id).toString("hex")} ${from}`;
    const flow = this.flows.get(key);
    if (message.type === "end") {
      if (!flow) return;
      this.end(key, flow, false);
      void this.converged();
    } else if (flow) {
      flow.untilMs = this.lifeEnd();
      this.grant(flow);
      if (message.observe) this.observe(flow);
    } else {
      void this.open(key, from, message);
    }
  }

  private async open(
    key: string,
    requester: PeerId,
    { id, other, family }: Extract<RelayMessage, { type: "request" }>,
  ): Promise<void> {
    if (this.opening.has(key)) return;
    this.opening.add(key);
    try {
      this.checkQuotas(requester, family);
      const addresses = this.addresses(family).map(({ address }) => address);
      const { quotas, random } = this.options;
      const sockets = await RelaySockets.open(addresses, quotas.ports, random, (side, from, datagram) =>
        this.arrived(flow, side, from, datagram),
      );
      const none = { packets: 0, bytes: 0 };
      const flow: Flow = {
        ...{ id, requester, other, family, sockets },
        slot: this.freeSlot(),
        state: { halves: [] },
        untilMs: this.lifeEnd(),
        counted: { a: none, b: none },
      };
      this.flows.set(key, flow);
      // The kernel's limits are there before anybody is told of the ports.
      await this.converged();
      this.grant(flow);
    } catch (error) {
      if (!(error instanceof RelayFull))
        this.options.log.warn({ error }, "relay: a flow could not be opened");
      const reason = error instanceof RelayFull ? error.message : "it could not be opened";
      this.tell(requester, { type: "deny", id, reason });
    } finally {
      this.opening.delete(key);
    }
  }

  private checkQuotas(requester: PeerId, family: 4 | 6): void {
    const { tunnels, tunnelsPerPeer } = this.options.quotas;
    // The one that asks is among those that are being opened.
    if (this.flows.size + this.opening.size > tunnels) throw new RelayFull("no room for more tunnels");
    const names = [...this.flows.keys(), ...this.opening];
    const ofRequester = new Set(names.filter((name) => name.endsWith(` ${requester}`)));
    if (ofRequester.size > tunnelsPerPeer) throw new RelayFull("no room for more tunnels of one member");
    if (family === 6 && !forwardsIpv6()) throw new RelayFull("IPv6 is not forwarded here");
    if (this.addresses(family).length === 0) throw new RelayFull(`no address of IPv${family}`);
  }

  private arrived(flow: Flow, side: FlowSide, from: FlowEnd, datagram: Uint8Array): void {
    const { state, sockets } = flow;
    const next = flowStep(state, side, from, datagram, this.options.timers.monotonicMs());
    flow.state = next.flow;
    for (const forward of next.forwards) sockets.send(forward);
    if (!next.isMoved) return;
    const { a, b } = next.flow;
    const ends = [a, b].map((end) => end && endpointText(end.remote));
    this.options.log.info({ requester: flow.requester, other: flow.other, ends }, "relay: a flow's ends");
    void this.converged();
  }

  private grant(flow: Flow): void {
    const { id, family, requester, sockets } = flow;
    const at = (port: number) =>
      this.options
        .endpoints(port)
        .filter((end) => familyOf(end) === family && isUnicast(end.address))
        .slice(0, MAX_CANDIDATES);
    const { lifetimeS } = this.options.quotas;
    const [yours, theirs] = [at(sockets.ports.a), at(sockets.ports.b)];
    this.tell(requester, { type: "grant", id, yours, theirs, lifetimeS });
  }

  /** Tells both at once, as both have to send at about the same time. */
  private observe({ id, requester, other, state: { a, b } }: Flow): void {
    if (!a || !b) return;
    this.tell(requester, { type: "observed", id, other: b.remote });
    this.tell(other, { type: "observed", id, other: a.remote });
  }

  /** Ends what nobody asked for again, and puts back the kernel's table where it was taken away. */
  private async look(): Promise<void> {
    const nowMs = this.options.timers.monotonicMs();
    const over = [...this.flows].filter(([, flow]) => nowMs >= flow.untilMs);
    for (const [key, flow] of over) this.end(key, flow, true);
    if (over.length > 0) return this.converge();
    if (this.flows.size === 0) return;
    if (!(await this.readCounters())) {
      this.options.log.warn("relay: its table in nftables has gone; putting it back");
      await this.converge();
    }
  }

  private end(key: string, flow: Flow, isTold: boolean): void {
    this.flows.delete(key);
    flow.sockets.close();
    if (!isTold) return;
    this.tell(flow.requester, { type: "relay-over", id: flow.id });
    this.tell(flow.other, { type: "relay-over", id: flow.id });
  }

  private async readCounters(): Promise<boolean> {
    const counters = await this.kernel.counted();
    for (const flow of this.flows.values()) {
      flow.counted = (counters && countedOf(counters, flow.slot)) ?? flow.counted;
    }
    return counters !== undefined;
  }

  private async apply(): Promise<void> {
    await this.readCounters();
    const flows = [...this.flows.values()].map(plannedFlow);
    const interfaces = new Set(this.options.addresses().map(({ interface: name }) => name));
    await this.kernel.apply(flows, this.options.quotas, [...interfaces]);
  }

  private converged(): Promise<void> {
    return this.converge().catch((error) => {
      this.options.log.error({ error }, "relay: the kernel's rules could not be set");
    });
  }

  private addresses(family: 4 | 6) {
    return this.options.addresses().filter(({ address }) => familyOf({ address, port: 0 }) === family);
  }

  private lifeEnd(): number {
    return this.options.timers.monotonicMs() + this.options.quotas.lifetimeS * 1_000;
  }

  private freeSlot(): number {
    const taken = new Set([...this.flows.values()].map(({ slot }) => slot));
    let slot = 0;
    while (taken.has(slot)) slot++;
    return slot;
  }

  private tell(peer: PeerId, message: TunnelMessage): void {
    const options = { urgency: "control", timeoutMs: MESSAGE_TIMEOUT_MS } as const;
    this.options.channel.send(peer, TUNNEL_CHANNEL, encodeTunnelMessage(message), options).catch((error) => {
      this.options.log.debug({ error, peer }, `relay: ${message.type} was not delivered`);
    });
  }
}

function plannedFlow({ slot, family, sockets, state: { a, b }, counted }: Flow): PlannedFlow {
  return { slot, family, ports: sockets.ports, counted, ...(a && b ? { ends: { a, b } } : {}) };
}
