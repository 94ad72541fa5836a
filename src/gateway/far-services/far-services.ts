import type { Socket } from "node:net";
import { isDeepStrictEqual } from "node:util";
import { FAR_PORTS } from "../../config/index.ts";
import { atIntervals, onceAtATime } from "../../host/intervals.ts";
import type { Logger } from "../../host/log.ts";
import type { Part } from "../../host/part.ts";
import type { Timers } from "../../host/timers.ts";
import type { Gateway } from "../gateway.ts";
import { hasConsent, type Session } from "../session.ts";
import type { FarEngine, FarNetwork, FarNetworks } from "./far-network.ts";
import { FarReach } from "./far-reach.ts";
import { type Offer, offersOf } from "./offers.ts";
import { listenAt, type PortListener } from "./port-listener.ts";
import { type PortRange, planPorts } from "./port-plan.ts";
import { serveService } from "./serve-service.ts";
import { encodeServiceFrame, MAX_SERVICE_FRAME_BYTES, SERVICE_PROTOCOL } from "./service-frames.ts";
import { pump } from "./service-pump.ts";

/** A service of another box that guests reach now, at a port of this one. */
export interface FarService {
  /** What the box is called. */
  box: string;
  name: string;
  /** Of this box, on the guests' side. */
  port: number;
  path: string;
}

export interface FarServicesOptions {
  gateway: Pick<Gateway, "view" | "sessions">;
  networks: FarNetworks;
  /** Of this box on the guest network. */
  addresses: readonly string[];
  /** TCP ports of this box's own services. */
  ownPorts: () => readonly number[];
  /** Where far services are given ports; {@link FAR_PORTS} by default. */
  ports?: PortRange;
  timers: Timers;
  log: Logger;
}

const REVIEW_EVERY_MS = 2_000;
/** Connections of one guest, and of all: a browser opens some six to a site. */
const MAX_OF_A_GUEST = 16;
const MAX_CONNECTIONS = 256;
/** Streams that one other box may have open here for its guests; of all together as many as connections. */
const MAX_OF_A_BOX = 128;
/** Services that the operator's line names. */
const MAX_NAMED = 8;
const IDLE_MS = 5 * 60_000;

interface Connection {
  socket: Socket;
  key: string;
  mac: string;
}

/**
 * Lets guests of this box use the services of other boxes, and theirs those of this one. Nothing is routed between guest
 * networks: each far service has a port of this box (`port-plan.ts`) while its box is connected, and what comes there from a
 * guest who has agreed goes on over a stream of the mesh. The other end connects to its own services and to nothing else.
 */
export class FarServices implements Part {
  readonly name = "far services";
  private readonly networks = new Map<string, FarNetwork>();
  private readonly served = new WeakSet<FarEngine>();
  private readonly listeners = new Map<string, PortListener>();
  private readonly connections = new Set<Connection>();
  private readonly changeListeners = new Set<() => void>();
  private readonly reach: FarReach;
  private readonly ends: (() => unknown)[] = [];
  private readonly networkEnds = new Map<string, (() => void)[]>();
  private ports: ReadonlyMap<string, number> = new Map();
  private offers: readonly Offer[] = [];
  private shown: readonly FarService[] = [];
  private isRunning = false;
  /** Streams of other boxes that are being served. */
  private serving = 0;
  private refusedPorts = "";

  constructor(private readonly options: FarServicesOptions) {
    this.reach = new FarReach(options.timers, () => this.reviewSoon());
  }

  async start(): Promise<void> {
    const { networks, gateway, timers } = this.options;
    this.isRunning = true;
    this.ends.push(
      networks.onNetworks({
        began: (network) => this.began(network),
        ended: (id) => this.ended(id),
      }),
      gateway.sessions.onChange((session) => this.sessionChanged(session)),
      atIntervals(REVIEW_EVERY_MS, () => this.review(), this.failed, timers),
    );
    await this.review();
  }

  async stop(): Promise<void> {
    this.isRunning = false;
    for (const end of this.ends.splice(0)) await end();
    for (const id of [...this.networks.keys()]) this.ended(id);
    await this.review();
  }

  /** What guests reach now, by the names of boxes and services. */
  list(): readonly FarService[] {
    return this.shown;
  }

  /** Told when the list is another. @returns ends it */
  onChange(listener: () => void): () => void {
    this.changeListeners.add(listener);
    return () => this.changeListeners.delete(listener);
  }

  detail(): string {
    if (this.shown.length === 0) return "no service of another box in reach";
    const named = this.shown
      .slice(0, MAX_NAMED)
      .map(({ name, box, port }) => `${name} at ${box} (port ${port})`);
    const more = this.shown.length - named.length;
    const all = [...named, ...(more > 0 ? [`${more} more`] : [])].join(", ");
    const { size } = this.connections;
    return `${all}; ${size} ${size === 1 ? "connection" : "connections"} of guests`;
  }

  trouble(): string | undefined {
    return this.refusedPorts === "" ? undefined : `cannot listen: ${this.refusedPorts}`;
  }

  private began(network: FarNetwork): void {
    const { engine, membership } = network;
    this.networks.set(membership.id, network);
    this.networkEnds.set(membership.id, [
      engine.on("joined", () => this.reviewSoon()),
      engine.on("left", () => this.reviewSoon()),
    ]);
    if (this.served.has(engine)) return;
    this.served.add(engine);
    const { ownPorts, addresses, timers } = this.options;
    engine.handle(
      SERVICE_PROTOCOL,
      async (stream, member) => {
        if (!this.isRunning || this.serving >= MAX_CONNECTIONS) throw new Error("service: not now");
        this.serving += 1;
        await serveService(stream, member, { ports: ownPorts, addresses, timers, idleMs: IDLE_MS }).finally(
          () => {
            this.serving -= 1;
          },
        );
      },
      { maxStreams: MAX_OF_A_BOX, maxFrameBytes: MAX_SERVICE_FRAME_BYTES },
    );
    this.reviewSoon();
  }

  private ended(id: string): void {
    this.networks.delete(id);
    for (const end of this.networkEnds.get(id) ?? []) end();
    this.networkEnds.delete(id);
    this.reviewSoon();
  }

  private reviewSoon(): void {
    this.review().catch(this.failed);
  }

  /** Makes the ports that listen those of the services that are in reach. */
  private readonly review = onceAtATime(async () => {
    const { first, last } = this.options.ports ?? FAR_PORTS;
    const all = this.isRunning ? [...this.networks.values()].flatMap(offersOf) : [];
    const isConnected = ({ network, peer }: Offer) => network.engine.connections(peer).length > 0;
    const offers = all.filter(isConnected).slice(0, last - first + 1);
    this.reach.want(
      all.filter((offer) => !isConnected(offer)),
      offers.length,
    );
    this.ports = planPorts(
      this.ports,
      offers.map(({ key }) => key),
      this.options.ports,
    );
    this.offers = offers;
    await this.listen();
    this.cutLost();
    this.show();
  });

  private async listen(): Promise<void> {
    const wanted = new Map(this.offers.map(({ key }) => [key, this.ports.get(key) ?? 0]));
    for (const [key, listener] of this.listeners) {
      if (wanted.get(key) === listener.port) continue;
      this.listeners.delete(key);
      listener.close();
    }
    const refused: string[] = [];
    for (const [key, port] of wanted) {
      if (this.listeners.has(key)) continue;
      try {
        const taken = (socket: Socket) => void this.taken(key, socket);
        this.listeners.set(key, await listenAt(this.options.addresses, port, taken));
      } catch (error) {
        refused.push(`${port} (${error instanceof Error ? error.message : error})`);
      }
    }
    this.refusedPorts = refused.join(", ");
  }

  /** Connections to services that are out of reach, though nothing has told their streams yet. */
  private cutLost(): void {
    for (const { socket, key } of this.connections) if (!this.listeners.has(key)) socket.resetAndDestroy();
  }

  private show(): void {
    const shown = this.offers
      .filter(({ key }) => this.listeners.has(key))
      .map(({ key, box, name, path }) => ({ box, name, path, port: this.ports.get(key) ?? 0 }))
      .sort((a, b) => compare(a.box, b.box) || compare(a.name, b.name) || a.port - b.port);
    if (isDeepStrictEqual(shown, this.shown)) return;
    this.shown = shown;
    for (const listener of this.changeListeners) listener();
  }

  /** A connection has come to the port of a far service. Never rejects. */
  private async taken(key: string, socket: Socket): Promise<void> {
    const { log, timers } = this.options;
    // Until it is joined with a stream, which then hears of it itself.
    socket.on("error", (error) => log.debug({ error }, "a guest's connection"));
    const connection = { socket, key, mac: "" };
    if (this.connections.size >= MAX_CONNECTIONS) {
      socket.resetAndDestroy();
      return;
    }
    this.connections.add(connection);
    try {
      connection.mac = await this.guestAt(socket.remoteAddress ?? "");
      const others = [...this.connections].filter(({ mac }) => mac === connection.mac);
      if (others.length > MAX_OF_A_GUEST) throw new Error("service: too many connections of one guest");
      const offer = this.offers.find((one) => one.key === key);
      if (!offer) throw new Error("service: out of reach");
      const stream = await offer.network.engine.open(offer.peer, SERVICE_PROTOCOL);
      await stream.send(encodeServiceFrame({ kind: "ask", port: offer.servicePort }));
      await pump(socket, stream, { timers, idleMs: IDLE_MS });
    } catch (error) {
      log.debug({ error }, "a guest's connection to a far service ended");
      socket.resetAndDestroy();
    } finally {
      this.connections.delete(connection);
    }
  }

  /** The firewall has looked already; this counts by station, and sees to it that none is left when its owner leaves. @throws when nobody there has agreed */
  private async guestAt(address: string): Promise<string> {
    const { gateway } = this.options;
    const [plain = ""] = address.split("%");
    const { state } = await gateway.view(plain);
    const session = gateway.sessions.at(plain);
    if (!session || (state !== "consented" && state !== "released"))
      throw new Error("service: this guest has not agreed");
    return session.mac;
  }

  private sessionChanged(session: Session): void {
    if (hasConsent(session)) return;
    for (const { socket, mac } of this.connections) if (mac === session.mac) socket.resetAndDestroy();
  }

  private readonly failed = (error: unknown): void => {
    this.options.log.error({ error }, "far services");
  };
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
