import { atIntervals, onceAtATime } from "../../host/intervals.ts";
import type { Logger } from "../../host/log.ts";
import type { Timers } from "../../host/timers.ts";
import type { PeerId } from "../engine/engine-interface.ts";
import { type Endpoint, endpointText } from "../paths/endpoint.ts";
import type { ControlChannel } from "../paths/paths-interface.ts";
import { familyOf } from "./candidates.ts";
import { isUnicast } from "./endpoint-rules.ts";
import { type FlowEnd, type FlowSide, flowStep } from "./relay-flow.ts";
import {
  type Flow,
  flowKey,
  isCutOff,
  isMisplaced,
  plannedFlow,
  type RelayedStatus,
  RelayFlows,
  RelayFull,
  statusOf,
} from "./relay-flows.ts";
import { boxGround, type RelayGround } from "./relay-ground.ts";
import { countedOf, forwardsIpv6, RELAY_TABLE, RelayKernel } from "./relay-kernel.ts";
import type { RelayQuotas } from "./relay-ruleset.ts";
import { RelaySockets } from "./relay-sockets.ts";
import { TunnelMail } from "./tunnel-mail.ts";
import { MAX_CANDIDATES, type RelayMessage } from "./tunnel-messages.ts";

export interface UdpRelayOptions {
  channel: ControlChannel;
  /** The box's own addresses at which ends may arrive, with their interfaces; no link-local ones. */
  addresses(): readonly { address: string; interface: string }[];
  /** Where a UDP port of this box may be met by others, the likeliest first. */
  endpoints(port: number): readonly Endpoint[];
  quotas: RelayQuotas;
  /** Name of the table in nftables: another one for each network of the box. Default {@link RELAY_TABLE}. */
  table?: string;
  /** What all relays of the box share. Default: this box's. */
  ground?: RelayGround;
  timers: Timers;
  /** 0 ≤ x < 1, secure: ports are not to be guessed. */
  random(): number;
  log: Logger;
}

type Request = Pick<Extract<RelayMessage, { type: "request" }>, "id" | "other" | "family">;

const LOOK_EVERY_MS = 5_000;

/**
 * Relays WireGuard tunnels of other members, two UDP ports for each, without reading anything: what the ends send is
 * encrypted between them. Handshakes pass through here, by which the relay sees who the ends are (see relay-flow.ts);
 * data is forwarded by the kernel.
 */
export class UdpRelay {
  private readonly flows: RelayFlows;
  private readonly kernel: RelayKernel;
  private readonly mail: TunnelMail;
  private readonly converge: () => Promise<void>;
  private stopLooking: (() => Promise<void>) | undefined;
  private isRunning = false;

  constructor(private readonly options: UdpRelayOptions) {
    const { forwarding, slots } = options.ground ?? boxGround;
    this.flows = new RelayFlows(options.quotas, slots);
    this.kernel = new RelayKernel(options.table ?? RELAY_TABLE, forwarding);
    this.mail = new TunnelMail(options.channel, options.log);
    this.converge = onceAtATime(() => this.apply());
  }

  async start(): Promise<void> {
    await this.kernel.start();
    this.isRunning = true;
    this.mail.onRelayTold((from, message) => this.take(from, message));
    this.stopLooking = atIntervals(
      LOOK_EVERY_MS,
      () => this.look(),
      (error) => this.options.log.warn({ error }, "relay: could not look after its flows"),
    );
  }

  /** The ends are told, and look for another way. What is being opened is undone. */
  async stop(): Promise<void> {
    this.isRunning = false;
    await this.stopLooking?.();
    await this.flows.settled();
    for (const [key, flow] of this.flows.all()) this.endTold(key, flow);
    await this.converge();
  }

  status(): RelayedStatus[] {
    return this.flows.all().map(([, flow]) => statusOf(flow));
  }

  private take(from: PeerId, message: RelayMessage): void {
    if (!this.isRunning) return;
    const key = flowKey(message.id, from);
    const flow = this.flows.get(key);
    if (message.type === "end") {
      if (!flow) return;
      this.flows.end(key);
      void this.converged();
    } else if (flow && isMisplaced(flow, this.addresses(flow.family))) {
      this.reopen(key, flow);
    } else if (flow) {
      flow.untilMs = this.lifeEnd();
      this.grant(flow);
      if (message.observe) this.observe(flow);
    } else {
      this.flows.open(key, () => this.open(key, from, message));
    }
  }

  /** At the addresses that there are now; who asked is told, and tells the other. */
  private reopen(key: string, flow: Flow): void {
    this.flows.end(key);
    this.flows.open(key, () => this.open(key, flow.requester, flow));
  }

  private async open(key: string, requester: PeerId, { id, other, family }: Request): Promise<void> {
    try {
      const addresses = this.addresses(family);
      this.flows.checkRoom(requester);
      if (family === 6 && !forwardsIpv6()) throw new RelayFull("IPv6 is not forwarded here");
      if (addresses.length === 0) throw new RelayFull(`no address of IPv${family}`);
      const { quotas, random } = this.options;
      const sockets = await RelaySockets.open(addresses, quotas.ports, random, (side, from, datagram) =>
        this.arrived(flow, side, from, datagram),
      );
      const untilMs = this.lifeEnd();
      const flow = this.flows.add(key, { id, requester, other, family, sockets, untilMs });
      // Stopped meanwhile: who stops waits for this, and ends all flows.
      if (!this.isRunning) return;
      // The kernel's limits are there before anybody is told of the ports.
      await this.converged();
      if (this.isRunning && this.flows.get(key) === flow) this.grant(flow);
    } catch (error) {
      if (!(error instanceof RelayFull))
        this.options.log.warn({ error }, "relay: a flow could not be opened");
      const reason = error instanceof RelayFull ? error.message : "it could not be opened";
      this.mail.tell(requester, { type: "deny", id, reason });
    }
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
    this.mail.tell(requester, { type: "grant", id, yours, theirs, lifetimeS });
  }

  /** Tells both at once, as both have to send at about the same time. */
  private observe({ id, requester, other, state: { a, b } }: Flow): void {
    if (!a || !b) return;
    this.mail.tell(requester, { type: "observed", id, other: b.remote });
    this.mail.tell(other, { type: "observed", id, other: a.remote });
  }

  /** Ends what nobody asked for again, follows the box's addresses, and puts right in the kernel what others have changed. */
  private async look(): Promise<void> {
    const nowMs = this.options.timers.monotonicMs();
    let isChanged = false;
    for (const [key, flow] of this.flows.all()) {
      const isOver = nowMs >= flow.untilMs;
      if (isOver) this.endTold(key, flow);
      else if (isCutOff(flow, this.addresses(flow.family))) this.reopen(key, flow);
      else continue;
      isChanged = true;
    }
    if (isChanged) return this.converge();
    if (this.flows.all().length === 0) return;
    const hasTable = await this.readCounters();
    if (hasTable && this.kernel.forwards(this.interfaces())) return;
    const what = hasTable ? "forwarding was set by others" : "its table in nftables has gone";
    this.options.log.warn(`relay: ${what}; putting it right`);
    await this.converge();
  }

  private endTold(key: string, { id, requester, other }: Flow): void {
    this.flows.end(key);
    this.mail.tell(requester, { type: "relay-over", id });
    this.mail.tell(other, { type: "relay-over", id });
  }

  private async readCounters(): Promise<boolean> {
    const counters = await this.kernel.counted();
    for (const [, flow] of this.flows.all()) {
      flow.counted = (counters && countedOf(counters, flow.slot)) ?? flow.counted;
    }
    return counters !== undefined;
  }

  private async apply(): Promise<void> {
    await this.readCounters();
    const flows = this.flows.all().map(([, flow]) => plannedFlow(flow));
    await this.kernel.apply(flows, this.options.quotas, this.interfaces());
  }

  private converged(): Promise<void> {
    return this.converge().catch((error) => {
      this.options.log.error({ error }, "relay: the kernel's rules could not be set");
    });
  }

  private usable() {
    return this.options.addresses().filter((one) => this.kernel.mayForward(one.interface));
  }

  private addresses(family: 4 | 6): string[] {
    const all = this.usable().map(({ address }) => address);
    return [...new Set(all)].filter((address) => familyOf({ address, port: 0 }) === family);
  }

  private interfaces(): string[] {
    return [...new Set(this.usable().map((one) => one.interface))];
  }

  private lifeEnd(): number {
    return this.options.timers.monotonicMs() + this.options.quotas.lifetimeS * 1_000;
  }
}
