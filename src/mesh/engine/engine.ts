import { systemClock } from "../../host/clock.ts";
import type { Timers } from "../../host/timers.ts";
import { isLoopbackHost } from "./address-rules.ts";
import { CheckedMembers } from "./checked-members.ts";
import { closeSoon } from "./close-connection.ts";
import { ConnectionTable, type Entry } from "./connection-table.ts";
import { dialAny } from "./dialer.ts";
import { EngineError } from "./engine-error.ts";
import { EngineEmitter } from "./engine-events.ts";
import type { Engine, EngineConnection, EngineEvents, FrameStream, PeerId } from "./engine-interface.ts";
import { DEFAULT_LIMITS, type Libp2pEngineOptions } from "./engine-options.ts";
import { Libp2pFrameStream } from "./frame-stream.ts";
import { createGater } from "./gater.ts";
import { Gossip } from "./gossip.ts";
import { GossipConduct } from "./gossip-conduct.ts";
import { InboundPool } from "./inbound-pool.ts";
import { createNode, type Node } from "./libp2p-node.ts";
import { listen } from "./listening.ts";
import { abortAfter, patientTimers } from "./patient-timers.ts";
import { peerIdOf, publicKeyOfSeed } from "./peer-id.ts";
import { dialledPeer, PrivateNetwork } from "./private-network.ts";
import { Protocols } from "./protocols.ts";
import { Refusals } from "./refusals.ts";
import { RelayReservations } from "./relay-reservations.ts";
import { RelayServer } from "./relay-server.ts";
import { systemLookup } from "./resolve-names.ts";
import { SharedKeyChoice } from "./shared-key-choice.ts";

const OPEN_TIMEOUT_MS = 10_000;
/** Streams of one protocol that this box may have open over one connection. */
const MAX_OWN_STREAMS = 256;

/** One network's libp2p node on this box. Networks share nothing but the process. */
export class Libp2pEngine implements Engine {
  readonly peer: PeerId;
  private readonly events: EngineEmitter;
  private readonly members: CheckedMembers;
  private readonly table: ConnectionTable;
  private readonly keys: SharedKeyChoice;
  private readonly protocols: Protocols;
  private readonly conduct: GossipConduct;
  private readonly gossip: Gossip;
  private readonly reservations: RelayReservations;
  private readonly relay: RelayServer;
  /** For what others are given time for. */
  private readonly patient: Timers;
  private node: Node | undefined;
  private listening: { tcp: number; ws: number } | undefined;

  constructor(private readonly options: Libp2pEngineOptions) {
    const { passport, timers, log } = options;
    this.peer = peerIdOf(publicKeyOfSeed(passport.seed));
    this.patient = patientTimers(timers);
    this.events = new EngineEmitter(log);
    this.members = new CheckedMembers(passport, (peer) => this.table.has(peer));
    this.table = new ConnectionTable(this.members, this.events, timers);
    this.keys = new SharedKeyChoice(() => passport.sharedKeys(), timers);
    this.protocols = new Protocols((connection) => this.table.memberAt(connection), log);
    this.conduct = new GossipConduct(timers);
    this.gossip = new Gossip(this.conduct);
    const connectionsOf = (peer: PeerId): readonly Entry[] => this.table.of(peer);
    this.reservations = new RelayReservations({ connectionsOf, timers, log });
    this.relay = new RelayServer({
      ...options.relay,
      connectionsOf,
      timers,
      wallMs: options.wallMs ?? systemClock.wallMs,
      log,
    });
    this.events.on("opened", ({ peer }) => this.reservations.opened(peer));
    this.events.on("left", (peer) => this.relay.left(peer));
  }

  async start(): Promise<void> {
    if (this.node !== undefined) throw new EngineError("the engine is started already");
    const { log, listen: where } = this.options;
    const node = await this.createNode();
    node.libp2p.addEventListener("connection:open", ({ detail }) => this.table.opened(detail));
    node.libp2p.addEventListener("connection:close", ({ detail }) => this.table.closed(detail));
    try {
      this.reservations.start();
      await node.libp2p.start();
      await this.protocols.attach(node);
      if (this.options.relay.serve) await this.relay.attach(node);
      this.gossip.attach(node.libp2p.services.pubsub);
      this.node = node;
      this.listening = await listen(node.components, where, (host, error) =>
        log.warn({ error }, `the mesh does not listen on ${host}`),
      );
    } catch (error) {
      await this.stop();
      await node.libp2p.stop();
      throw error;
    }
  }

  async stop(): Promise<void> {
    const { node } = this;
    this.node = undefined;
    this.listening = undefined;
    this.protocols.detach();
    this.gossip.detach();
    this.reservations.stop();
    await node?.libp2p.stop();
    for (const { connection } of this.table.all()) connection.abort(new Error("the engine stops"));
  }

  ports(): { tcp: number; ws: number } {
    if (this.listening === undefined) throw new EngineError("the engine is not started");
    return this.listening;
  }

  connections(peer?: PeerId): readonly EngineConnection[] {
    return (peer === undefined ? this.table.all() : this.table.of(peer)).map(({ facts }) => facts);
  }

  async dial(
    ...[peer, addresses, timeoutMs, answered]: Parameters<Engine["dial"]>
  ): Promise<EngineConnection> {
    const connection = await dialAny(peer, addresses, timeoutMs, {
      transports: this.started().components.transportManager,
      keys: this.keys,
      loopbackOnly: this.loopbackOnly(),
      timers: this.patient,
      lookup: this.options.lookup ?? systemLookup,
      answered,
    });
    const entry = this.table.get(connection.id);
    if (entry === undefined) throw new EngineError(`${peer} has closed the connection`);
    return entry.facts;
  }

  async close(connectionId: string): Promise<void> {
    const entry = this.table.get(connectionId);
    if (entry !== undefined) await closeSoon(entry.connection);
  }

  async open(
    peer: PeerId,
    protocol: string,
    { connectionId, timeoutMs = OPEN_TIMEOUT_MS }: { connectionId?: string; timeoutMs?: number } = {},
  ): Promise<FrameStream> {
    const entry = connectionId === undefined ? this.table.of(peer)[0] : this.table.get(connectionId);
    if (entry === undefined || entry.facts.peer !== peer) throw new EngineError(`not connected to ${peer}`);
    const { signal, callOff } = abortAfter(this.patient, timeoutMs, `${protocol}: no answer`);
    try {
      const stream = await entry.connection.newStream(protocol, {
        signal,
        runOnLimitedConnection: true,
        maxOutboundStreams: MAX_OWN_STREAMS,
      });
      return new Libp2pFrameStream(stream, peer, entry.facts.id, this.protocols.maxFrameBytes(protocol));
    } finally {
      callOff();
    }
  }

  handle(...[protocol, serve, options = {}]: Parameters<Engine["handle"]>): void {
    this.protocols.add(protocol, serve, options);
  }

  publish(topic: string, data: Uint8Array): Promise<void> {
    return this.gossip.publish(topic, data);
  }

  subscribe(...[topic, accept]: Parameters<Engine["subscribe"]>): () => void {
    return this.gossip.subscribe(topic, accept);
  }

  reserveRelay(peer: PeerId): Promise<() => Promise<void>> {
    return this.reservations.reserve(peer);
  }

  expelFormerMembers(): void {
    for (const { connection, facts } of this.table.all()) {
      if (this.members.get(facts.peer) === undefined) connection.abort(new Error("no longer a member"));
    }
  }

  on<K extends keyof EngineEvents>(event: K, listener: EngineEvents[K]): () => void {
    return this.events.on(event, listener);
  }

  private createNode(): Promise<Node> {
    const { passport, timers, stunServers, announce = () => [], limits } = this.options;
    const bounds = { ...DEFAULT_LIMITS, ...limits };
    const pool = new InboundPool(bounds);
    const refusals = new Refusals(timers, (remote, why) => this.events.emit("refused", remote, why));
    const refusedAt = (connection: object, why: string): void => {
      const { remoteAddr } = connection as { remoteAddr?: unknown };
      refusals.refused(String(remoteAddr ?? "unknown"), why);
    };
    return createNode({
      seed: passport.seed,
      stunServers,
      loopbackOnly: this.loopbackOnly(),
      timers,
      // libp2p asks a second after whatever it was, also when it has been stopped meanwhile.
      announce: () => (this.listening === undefined ? [] : announce()),
      connectionsOf: (peer) => this.table.of(peer).map(({ connection }) => connection),
      limits: bounds,
      gossipScore: (peer) => this.conduct.score(peer),
      privateNetwork: new PrivateNetwork({
        self: this.peer,
        keys: this.keys,
        timers: this.patient,
        peerOf: dialledPeer,
        proven: (connection) => pool.proven(connection),
        refused: refusedAt,
      }),
      membership: { passport, members: this.members, timers: this.patient, refused: refusedAt },
      gater: createGater({
        members: this.members,
        loopbackOnly: this.loopbackOnly(),
        pool,
        connectionCount: (peer) => this.table.of(peer).length,
        timers,
        isOwnRelay: (relay) => this.reservations.isWanted(relay),
        refused: (remote, why) => refusals.refused(remote, why),
      }),
    });
  }

  private loopbackOnly(): boolean {
    return this.options.listen.hosts.every(isLoopbackHost);
  }

  private started(): Node {
    if (this.node === undefined) throw new EngineError("the engine is not started");
    return this.node;
  }
}
