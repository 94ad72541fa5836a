import type { MeshConfig } from "../../config/index.ts";
import type { Logger } from "../../host/log.ts";
import type { Timers } from "../../host/timers.ts";
import { type BootstrapPeer, type Membership, signingKey } from "../../identity/index.ts";
import { Directory } from "../directory/directory.ts";
import { Gossip } from "../directory/gossip.ts";
import { OwnRecord } from "../directory/own-record.ts";
import type { Capability, OfferedService } from "../directory/peer-record.ts";
import { addressesForMembers } from "../discovery/address-policy.ts";
import type { LocalInterface, LocalSighting } from "../discovery/discovery-interface.ts";
import type { LocalNetwork } from "../discovery/discovery-link.ts";
import { Libp2pEngine } from "../engine/engine.ts";
import type { PeerId } from "../engine/engine-interface.ts";
import { patientTimers } from "../engine/patient-timers.ts";
import { publicKeyOf } from "../engine/peer-id.ts";
import type { Paths } from "../paths/paths.ts";
import type { ControlChannel, ControlHandler, SendOptions } from "../paths/paths-interface.ts";
import { bootstrapOf } from "./bootstrap.ts";
import { lostAddresses, overLostAddresses, superfluous } from "./connection-care.ts";
import { Datagrams } from "./datagrams.ts";
import { Dialler } from "./dialler.ts";
import type { LoraBearer } from "./lora-carrier.ts";
import { CallAllowance, HARDLY_ANY, planNeighbours } from "./neighbour-plan.ts";
import { NetworkTunnels } from "./network-tunnels.ts";
import { ObservedNat } from "./observed-nat.ts";
import { PeerSessions } from "./peer-sessions.ts";
import { Reach } from "./reach.ts";
import { relayBudget } from "./relay-budget.ts";
import { Relays } from "./relays.ts";
import { SelfPortrait } from "./self-portrait.ts";
import { Settling } from "./settling.ts";
import { WayKeeper } from "./way-keeper.ts";
import { learnedWay, leavesBy, wireOf } from "./ways.ts";
import { Whereabouts } from "./whereabouts.ts";

export interface NetworkOptions {
  membership: Membership;
  config: MeshConfig;
  /** What the box is called. */
  boxName: string;
  /** How many times the box has started; see {@link OwnRecord}. */
  starts: number;
  /** Addresses to listen on: all, or loopback's alone. */
  hosts: readonly string[];
  loopback: boolean;
  /** TCP and UDP; WebSockets take the next. */
  port: number;
  /** Which of the box's networks it is, 0 for the first: each relays tunnels by other ports. */
  slot: number;
  interfaces: () => readonly LocalInterface[];
  lora: (LoraBearer & { address: number }) | undefined;
  services: () => readonly OfferedService[];
  capability: () => Capability | undefined;
  /** Thousandths of a core. */
  load: () => number;
  /** Where process ids and sockets are kept; undefined where this box may make no tunnels (it is not root). */
  tunnelsFolder: string | undefined;
  /** Networks where nobody of the mesh is, with prefix length: the guests'. */
  forbidden: readonly string[];
  timers: Timers;
  random: () => number;
  log: Logger;
  /** There are other tunnels than before. */
  tunnelsChanged: () => void;
}

const TICK_MS = 1_000;
/** Neighbours are planned, records renewed, former members expelled so often when nothing has happened. */
const HOUSEKEEPING_MS = 15_000;
/**
 * In a network of many something happens all the time: between two begins of housekeeping lies so many times what it took,
 * up to some seconds. A box that has hardly anybody looks for others at each tick.
 */
const REST = 20;
const LONGEST_REST_MS = 5_000;
/**
 * Of two that hear each other on a link one calls later, which spares both a second connection: the other's next tick, and a
 * little. Beyond a link, perhaps only one of them can call.
 */
const CALLS_LATER_MS = 2_000;
const SEND_TIMEOUT_MS = 15_000;
const MIN_SEND_MS = 500;
/** Who could not be reached for a message is tried again after this, until the message's time is over. */
const REACH_AGAIN_MS = 700;
const REMEMBER_EVERY_MS = 10 * 60_000;

/** One network that this box belongs to: finds its members, stays in touch with some, reaches the others when they are wanted. */
export class Network implements ControlChannel {
  readonly engine: Libp2pEngine;
  readonly directory: Directory;
  readonly nat: ObservedNat;
  private readonly datagrams: Datagrams;
  private readonly ways: WayKeeper;
  private readonly where: Whereabouts;
  private readonly gossip: Gossip;
  private readonly reach: Reach;
  private readonly relays: Relays;
  private readonly dialler: Dialler;
  private readonly sessions: PeerSessions;
  private readonly settling: Settling;
  private readonly ownRecord: OwnRecord;
  private readonly portrait: SelfPortrait;
  /** undefined where this box may make none. */
  readonly tunnels: NetworkTunnels | undefined;
  private readonly ends: (() => void)[] = [];
  private isRunning = false;
  private housekeptAtMs = Number.NEGATIVE_INFINITY;
  private restMs = 0;
  private expelledAtMs = Number.NEGATIVE_INFINITY;
  private rememberedAtMs = 0;
  private readonly callAllowance = new CallAllowance();
  private isDirty = true;
  /** As they were when they were looked at last. */
  private links: readonly LocalInterface[] = [];
  private callOffTick: () => void = () => {};

  constructor(private readonly options: NetworkOptions) {
    const { membership, config, hosts, port, timers, log, starts, lora, loopback, random } = options;
    const monotonicMs = () => timers.monotonicMs();
    // For what others are given time for.
    const patient = patientTimers(timers);
    const budget = relayBudget(config.relay);
    this.engine = new Libp2pEngine({
      passport: membership,
      listen: { hosts, tcpPort: port, wsPort: port === 0 ? 0 : port + 1 },
      stunServers: () => this.where.stunServers(),
      announce: () => this.portrait.addresses(),
      relay: {
        serve: config.relay.enabled,
        maxReservations: config.relay.boxes,
        maxCircuitKbit: budget.streams.eachKbit,
        maxTotalKbit: budget.streams.totalKbit,
      },
      timers,
      log,
    });
    this.directory = new Directory({
      self: this.engine.peer,
      check: (chain, publicKey) => membership.check(chain, publicKey),
      isStillMember: (publicKey) => membership.isStillMember(publicKey),
      ownCame: (encoded, sequence) => {
        this.ownRecord.surpass(encoded, sequence);
        this.refresh();
      },
      monotonicMs,
    });
    this.nat = new ObservedNat({
      interfaces: options.interfaces,
      port: () => this.datagrams.port,
      unanswered: () => this.ways.unanswered(),
      monotonicMs,
    });
    this.datagrams = new Datagrams({
      engine: this.engine,
      port,
      address: loopback ? hosts[0] : undefined,
      prefer: config.prefer,
      ways: config.ways,
      relay: config.relay.enabled
        ? { totalKbit: budget.messages.totalKbit, perPeerKbit: budget.messages.eachKbit }
        : { totalKbit: 0, perPeerKbit: 0 },
      lora: config.lora ? lora : undefined,
      streamsChanged: (peer) => this.ways.changed(peer),
      classify: (target, interfaceName) =>
        learnedWay(
          target,
          interfaceName,
          { interfaces: options.interfaces(), ownNat: this.nat.kind },
          (connectionId) =>
            this.engine.connections().some(({ id, kind }) => id === connectionId && kind === "circuit"),
        ),
      timers,
      log,
    });
    const { paths } = this.datagrams;
    this.relays = new Relays({
      engine: this.engine,
      isRelay: (peer) => this.directory.get(peer)?.record.relays === true,
      rank: (a, b) => this.where.byRank(a, b),
      log,
      changed: () => this.refresh(),
    });
    this.portrait = new SelfPortrait({
      config,
      name: options.boxName,
      interfaces: options.interfaces,
      ports: () => ({ ...this.engine.ports(), udp: this.datagrams.port }),
      nat: this.nat,
      relays: () => this.relays.peers,
      sessions: () => this.where.reachable(),
      lora: config.lora ? lora : undefined,
      services: options.services,
      capability: options.capability,
      load: options.load,
    });
    this.ways = new WayKeeper({
      engine: this.engine,
      paths,
      directory: this.directory,
      interfaces: options.interfaces,
      streams: (peer) => this.datagrams.streamOffers(peer),
      own: () => this.portrait.ways(),
      loopback,
      forbidden: options.forbidden,
      lora: () => config.lora && lora !== undefined,
      monotonicMs,
      log,
    });
    this.where = new Whereabouts({
      engine: this.engine,
      paths,
      directory: this.directory,
      ways: this.ways,
      membership,
      interfaces: options.interfaces,
      ports: () => this.engine.ports(),
      forbidden: options.forbidden,
      loopback,
    });
    this.ownRecord = new OwnRecord(signingKey(membership.seed), {
      starts,
      members: () => this.directory.size,
      monotonicMs,
    });
    this.gossip = new Gossip({
      engine: this.engine,
      directory: this.directory,
      membership,
      ownRecord: () => this.ownRecord.encoded,
      timers,
      random,
      log,
      recordCame: ({ peer, record }) => {
        this.attempt("an admission", () => {
          const admission = membership.noteAdmission(record.chain);
          if (admission) this.gossip.publishStatement(admission);
        });
        this.ways.changed(peer);
        if (this.connectedPeers().has(peer)) void this.settling.offer(peer, record.chain);
        this.refresh();
      },
    });
    this.reach = new Reach({
      engine: this.engine,
      addresses: (peer) => this.where.addressesOf(peer),
      relays: (peer) => this.where.relaysTo(peer),
      nat: (peer) => this.ways.nat(peer),
      ownNat: () => this.nat.kind,
      timers: patient,
      log,
    });
    this.dialler = new Dialler({
      timers,
      random,
      headStartMs: (peer) => (this.peer > peer && this.ways.sightedPeers().has(peer) ? CALLS_LATER_MS : 0),
      dial: (peer, answered) => this.reach.to(peer, answered),
    });
    this.sessions = new PeerSessions({
      engine: this.engine,
      paths,
      ways: this.ways,
      where: this.where,
      reach: this.reach,
      dialler: this.dialler,
      offer: () => {
        const { endpoints, relays, lora: address } = this.portrait.offer();
        return {
          index: paths.newIndex(),
          endpoints,
          relays,
          ...(address === undefined ? {} : { lora: address }),
        };
      },
      interfaces: options.interfaces,
      timers: patient,
      log,
      changed: () => this.refresh(),
    });
    this.settling = new Settling({ engine: this.engine, membership, log });
    if (options.tunnelsFolder === undefined) return;
    this.tunnels = new NetworkTunnels({
      channel: this,
      config: config.relay,
      networkId: membership.id,
      slot: options.slot,
      interfaces: options.interfaces,
      forbidden: options.forbidden,
      addresses: () => addressesForMembers(options.interfaces()),
      mapped: () => this.nat.mapped,
      nat: () => this.nat.kind,
      relays: () => this.where.relays(),
      runFolder: options.tunnelsFolder,
      changed: options.tunnelsChanged,
      timers,
      log,
    });
  }

  get membership(): Membership {
    return this.options.membership;
  }

  get paths(): Paths {
    return this.datagrams.paths;
  }

  get peer(): PeerId {
    return this.engine.peer;
  }

  get ports(): { tcp: number; ws: number; udp: number } {
    return { ...this.engine.ports(), udp: this.datagrams.port };
  }

  /** For local discovery. */
  get local(): LocalNetwork {
    const { membership } = this.options;
    return {
      id: membership.id,
      peer: this.peer,
      sharedKeys: () => membership.sharedKeys(),
      ports: () => this.ports,
    };
  }

  /** @throws where a port is taken */
  async start(): Promise<void> {
    const { engine, paths } = this;
    await this.datagrams.start();
    try {
      this.sessions.serve();
      this.settling.serve();
      await engine.start();
    } catch (error) {
      this.datagrams.stop();
      throw error;
    }
    this.isRunning = true;
    this.links = this.options.interfaces();
    // Tunnels that cannot be made are no reason to be without messages.
    await this.tunnels?.start().catch((error) => this.options.log.error({ error }, "no tunnels"));
    this.gossip.start();
    // Whoever joins at once takes it over.
    this.describeSelf();
    this.sessions.start();
    this.ends.push(
      engine.on("joined", (peer) => this.joined(peer)),
      engine.on("left", () => this.refresh()),
      engine.on("refused", (remote, why) => this.options.log.info(`turned away ${remote}: ${why}`)),
      paths.on("observed", (observation) => {
        if (this.nat.take(observation)) this.moved();
      }),
      this.options.membership.onChange(() => this.membershipChanged()),
    );
    this.tickLater();
  }

  async stop(): Promise<void> {
    this.isRunning = false;
    for (const end of this.ends.splice(0)) end();
    this.callOffTick();
    this.dialler.stop();
    this.sessions.stop();
    this.gossip.stop();
    this.rememberPeers();
    await this.tunnels?.stop().catch((error) => this.options.log.error({ error }, "tunnels did not close"));
    await this.relays.stop();
    this.datagrams.stop();
    await this.engine.stop();
  }

  // What local discovery and the interfaces tell.

  sighted(sighting: LocalSighting): void {
    if (!this.isRunning) return;
    this.ways.sighted(sighting);
    this.refresh();
    this.dialler.retryNow(sighting.peer);
  }

  gone(sighting: LocalSighting): void {
    this.ways.gone(sighting);
  }

  interfaceDown(name: string): void {
    this.paths.interfaceDown(name);
  }

  /** Interfaces have come, or have other addresses. */
  interfacesChanged(came: readonly string[]): void {
    if (!this.isRunning) return;
    this.leaveLostAddresses();
    this.nat.moved();
    for (const name of came) this.paths.interfaceUp(name);
    this.moved();
    this.dialler.retryNow();
  }

  private leaveLostAddresses(): void {
    const before = this.links;
    this.links = this.options.interfaces();
    const lost = lostAddresses(before, this.links);
    const by = (host: string) => leavesBy(host, before)?.name;
    for (const connection of overLostAddresses(this.engine.connections(), lost, by))
      this.sessions.closeQuietly(connection);
  }

  // Messages.

  /** Reaches the peer first where it must. @throws {ControlError} */
  async send(peer: PeerId, channel: string, body: Uint8Array, options: SendOptions): Promise<void> {
    const { timers } = this.options;
    const { timeoutMs = SEND_TIMEOUT_MS } = options;
    const endMs = timers.monotonicMs() + timeoutMs;
    // A box that is busy, or a network that is just forming, may not answer the first time.
    while (!this.paths.isReachable(peer)) {
      await this.sessions.reach(peer);
      const isNear = this.paths.has(peer) || timers.monotonicMs() + REACH_AGAIN_MS >= endMs;
      if (isNear || !this.isRunning) break;
      await new Promise<void>((resolve) => timers.after(REACH_AGAIN_MS, resolve));
    }
    const leftMs = Math.max(MIN_SEND_MS, endMs - timers.monotonicMs());
    await this.paths.send(peer, channel, body, { ...options, timeoutMs: leftMs });
  }

  handle(channel: string, handler: ControlHandler): void {
    this.paths.handle(channel, handler);
  }

  unhandle(channel: string): void {
    this.paths.unhandle(channel);
  }

  /** Signed facts that this box has made: told to everybody. */
  tellStatement(statement: Uint8Array): void {
    this.gossip.publishStatement(statement);
  }

  /** Members with a connection. */
  connectedPeers(): Set<PeerId> {
    return this.where.connected();
  }

  /** This box first, then those that are best reached: for an invite. */
  bootstrapPeers(most: number): BootstrapPeer[] {
    const own = { publicKey: publicKeyOf(this.peer), addresses: this.portrait.inviteAddresses() };
    return [own, ...this.where.wellReached()].filter(({ addresses }) => addresses.length > 0).slice(0, most);
  }

  /** Tries to reach a peer now, by every way. @returns whether datagrams pass */
  async reachNow(peer: PeerId): Promise<boolean> {
    await this.sessions.reach(peer).catch(() => undefined);
    return this.paths.isReachable(peer);
  }

  /** Opens a connection for streams where there is none. @returns whether there is one now */
  connect(peer: PeerId): Promise<boolean> {
    return this.reach.to(peer);
  }

  // What happens to peers.

  private joined(peer: PeerId): void {
    this.refresh();
    this.gossip.joined(peer);
    this.sessions.joined(peer);
    const record = this.directory.get(peer)?.record;
    if (record) void this.settling.offer(peer, record.chain);
  }

  /** The interface by which a host on a link of ours is reached; beyond, each host may be another way. */
  private readonly wireOf = (host: string): string => wireOf(host, this.options.interfaces());

  private membershipChanged(): void {
    this.expelFormerMembers(this.connectedPeers());
    this.refresh();
  }

  /** Those that are members no more, or were not heard of for long. */
  private expelFormerMembers(connected: ReadonlySet<PeerId>): void {
    this.engine.expelFormerMembers();
    for (const peer of this.directory.sweep((one) => connected.has(one))) this.sessions.forget(peer);
  }

  /** This box can be reached by other addresses now. */
  private moved(): void {
    this.ways.refreshAll();
    this.tunnels?.moved();
    this.refresh();
  }

  // Housekeeping.

  /** To be done at the next tick. */
  private refresh(): void {
    this.isDirty = true;
  }

  private tickLater(): void {
    this.callOffTick = this.options.timers.after(TICK_MS, () => {
      this.attempt("housekeeping", () => this.tick());
      this.tickLater();
    });
  }

  private tick(): void {
    const nowMs = this.options.timers.monotonicMs();
    const waitsMs = nowMs - this.housekeptAtMs;
    if (waitsMs < (this.isDirty ? this.restMs : HOUSEKEEPING_MS)) return;
    this.isDirty = false;
    this.housekeptAtMs = nowMs;
    const connected = this.connectedPeers();
    this.keepHouse(nowMs, connected);
    const tookMs = this.options.timers.monotonicMs() - nowMs;
    this.restMs = connected.size < HARDLY_ANY ? 0 : Math.min(LONGEST_REST_MS, REST * tookMs);
    if (nowMs - this.rememberedAtMs > REMEMBER_EVERY_MS) this.rememberPeers();
  }

  private keepHouse(nowMs: number, connected: ReadonlySet<PeerId>): void {
    if (nowMs - this.expelledAtMs >= HOUSEKEEPING_MS) {
      this.expelledAtMs = nowMs;
      this.expelFormerMembers(connected);
    }
    this.sessions.sweep(connected);
    if (this.nat.changes()) this.moved();
    this.relays.review();
    this.tunnels?.review();
    this.ways.refreshAll();
    this.describeSelf();
    const bootstrap = [...bootstrapOf(this.options.membership.peers()).keys()];
    const sighted = this.ways.sightedPeers();
    const plan = planNeighbours({
      self: this.peer,
      wanted: this.options.config.neighbours,
      mayCall: this.callAllowance.at(nowMs, connected.size),
      known: [...this.directory.all().map(({ peer }) => peer), ...sighted],
      sighted,
      bootstrap,
      connected,
    });
    this.dialler.want(plan.filter((peer) => !connected.has(peer)));
    this.straighten(connected);
    this.prune(connected);
  }

  private describeSelf(): void {
    const record = this.ownRecord.update({
      ...this.portrait.record(),
      chain: this.options.membership.chain(),
    });
    if (record) this.gossip.publishRecord(record);
  }

  /** Peers that are reached by a relay alone: is there a straight way by now? */
  private straighten(connected: ReadonlySet<PeerId>): void {
    for (const peer of connected) {
      const connections = this.engine.connections(peer);
      if (this.peer < peer && connections.every(({ kind }) => kind === "circuit"))
        void this.reach.straighten(peer).catch(() => undefined);
    }
  }

  /** One of the two closes what adds nothing, so that they do not close both halves of a pair of ways. */
  private prune(connected: ReadonlySet<PeerId>): void {
    const nowMs = this.options.timers.monotonicMs();
    for (const peer of connected) {
      if (this.peer > peer) continue;
      const host = this.where.chosenHost(peer);
      for (const connection of superfluous(this.engine.connections(peer), host, nowMs, this.wireOf))
        this.sessions.closeQuietly(connection);
    }
  }

  private rememberPeers(): void {
    this.rememberedAtMs = this.options.timers.monotonicMs();
    this.attempt("the boxes that were met", () => this.membership.rememberPeers(this.where.met()));
  }

  private attempt(what: string, action: () => void): void {
    try {
      action();
    } catch (error) {
      this.options.log.error({ error }, `${what} failed`);
    }
  }
}
