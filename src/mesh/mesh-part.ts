import { join } from "node:path";
import type { MeshConfig } from "../config/index.ts";
import { InterfaceMonitor } from "../host/interface-monitor.ts";
import type { HostInterface } from "../host/interfaces.ts";
import type { Logger } from "../host/log.ts";
import type { Part } from "../host/part.ts";
import { serveSocket } from "../host/socket-server.ts";
import type { Timers } from "../host/timers.ts";
import type { Membership, Memberships } from "../identity/index.ts";
import type { Journal } from "../store/index.ts";
import { MESH_SOCKET, meshApi } from "./api/mesh-api.ts";
import { MeshDesk } from "./api/mesh-desk.ts";
import type { Capability, OfferedService } from "./directory/peer-record.ts";
import type { LocalInterface } from "./discovery/discovery-interface.ts";
import { LocalDiscovery } from "./discovery/local-discovery.ts";
import { localInterfaces } from "./discovery/local-interfaces.ts";
import { MeshState } from "./mesh-state.ts";
import type { LoraLink } from "./network/lora-link.ts";
import { Network } from "./network/network.ts";
import { clearTunnels } from "./network/network-tunnels.ts";
import type { Link } from "./traffic/queue-plan.ts";
import type { Traffic } from "./traffic/traffic.ts";
import { trafficLinks } from "./traffic/traffic-links.ts";
import type { Uplinks } from "./traffic/uplinks.ts";

export interface MeshPartOptions {
  config: MeshConfig;
  boxName: string;
  /** Interfaces that are never the mesh's: the guests' bridge. */
  exclude: readonly string[];
  memberships: Memberships;
  stateFolder: string;
  runFolder: string;
  /** Only this machine: everything is on loopback, where boxes of the same machine find each other. */
  loopback: boolean;
  /** Networks where nobody of the mesh is, with prefix length: the guests'. */
  forbidden: readonly string[];
  /** This is root on the board: WireGuard interfaces and nftables may be used, for tunnels. */
  mayTunnel: boolean;
  /** Who goes first on the links; undefined where this box may not say so. */
  traffic: Pick<Traffic, "refresh" | "setPorts" | "setTunnelPorts"> | undefined;
  /** Links that are in order whether the mesh uses them or not, with what is known of them. */
  links: readonly Link[];
  /** Several ways to the internet, used together; undefined where there is one at most. */
  uplinks: Pick<Uplinks, "setPins"> | undefined;
  lora: LoraLink | undefined;
  services: () => readonly OfferedService[];
  capability: () => Capability | undefined;
  timers: Timers;
  random: () => number;
  randomBytes: (count: number) => Uint8Array;
  journal: Pick<Journal, "append">;
  log: Logger;
}

const EVERYWHERE = ["0.0.0.0", "::"];
const LOOPBACK = ["127.0.0.1"];
/** Each network takes a port for TCP and UDP, and the next for WebSockets. */
const PORTS_A_NETWORK = 2;
const PORTS_TRIED = 40;
const RETRY_MS = 10_000;
/** A connection that was silent for so long may be moved to an uplink that came back. */
export const UPLINK_IDLE_S = 60;
const LOAD_EVERY_MS = 15_000;

/** The other boxes: one {@link Network} for each network that this box belongs to, with what they share of the machine. */
export class MeshPart implements Part {
  readonly name = "mesh";
  readonly desk: MeshDesk;
  private readonly running = new Map<string, Network>();
  private readonly troubles = new Map<string, string>();
  private readonly monitor: InterfaceMonitor;
  private readonly discovery: LocalDiscovery;
  private interfaces: readonly LocalInterface[] = [];
  private server: { stop(force: boolean): Promise<void> } | undefined;
  private endLora: (() => void) | undefined;
  private readonly state: MeshState;
  /** Networks begin and end one after the other: their ports are given out so, and none begins twice. */
  private turn: Promise<void> = Promise.resolve();
  private loadThousandths = 0;
  private isRunning = false;
  private readonly timers = new Set<() => void>();

  constructor(private readonly options: MeshPartOptions) {
    const { runFolder, stateFolder, log, timers, memberships, randomBytes, loopback } = options;
    this.state = new MeshState(join(stateFolder, "mesh.json"), (error) =>
      log.error({ error }, "what the mesh knows of itself could not be kept"),
    );
    this.monitor = new InterfaceMonitor({
      runFolder,
      log,
      timers,
      lost: (name) => {
        for (const network of this.running.values()) network.interfaceDown(name);
      },
      changed: (interfaces, { came, changed }) => this.interfacesChanged(interfaces, [...came, ...changed]),
    });
    this.discovery = new LocalDiscovery({
      interfaces: () => this.interfaces,
      networks: () => [...this.running.values()].map(({ local }) => local),
      loopback,
      timers,
      randomBytes,
      log,
    });
    this.discovery.on("sighted", (id, sighting) => this.running.get(id)?.sighted(sighting));
    this.discovery.on("gone", (id, sighting) => this.running.get(id)?.gone(sighting));
    this.desk = new MeshDesk({
      memberships,
      boxName: options.boxName,
      network: (id) => this.running.get(id),
      troubleOf: (id) => this.troubles.get(id),
      begin: (membership) => this.begin(membership),
      end: (id) => this.end(id),
      told: (kind, subject, detail) => this.tell(kind, subject, detail),
      monotonicMs: () => timers.monotonicMs(),
    });
  }

  async start(): Promise<void> {
    const { config, memberships, runFolder, log } = this.options;
    if (!config.enabled) return;
    this.isRunning = true;
    this.state.open();
    await this.monitor.start();
    this.takeInterfaces(this.monitor.current());
    if (this.options.mayTunnel) await clearTunnels(runFolder);
    for (const link of config.invites) this.joinByConfiguration(link);
    for (const membership of memberships.list()) await this.begin(membership);
    this.discovery.start();
    this.endLora = this.options.lora?.onDatagram((address, datagram) => {
      // Only the network whose session it belongs to can open it.
      for (const network of this.running.values()) network.paths.receive({ by: "lora", address }, datagram);
    });
    const api = meshApi(this.desk);
    const serve = (request: Request) => api.fetch(request);
    // Who listens may wait for hours, and to reach a box can take half a minute.
    this.server = serveSocket(join(runFolder, MESH_SOCKET), serve, undefined, 0);
    this.measureLoad(process.cpuUsage(), this.options.timers.monotonicMs());
    log.debug("the mesh has started");
  }

  async stop(): Promise<void> {
    this.isRunning = false;
    for (const callOff of this.timers) callOff();
    this.timers.clear();
    this.endLora?.();
    await this.server?.stop(true);
    this.server = undefined;
    await this.discovery.stop();
    await this.monitor.stop();
    // Behind what is beginning just now.
    await this.inTurn(async () => {
      await Promise.all([...this.running.keys()].map((id) => this.endNow(id)));
    });
    this.options.memberships.flush();
  }

  detail(): string {
    if (!this.options.config.enabled) return "switched off";
    const all = this.desk.networks();
    if (all.length === 0) return "in no network yet";
    return all
      .map(
        ({ name, connected, known }) =>
          `${name}: ${connected} of ${known} other ${known === 1 ? "box" : "boxes"} connected`,
      )
      .join("; ");
  }

  trouble(): string | undefined {
    const [first] = this.troubles.values();
    return first;
  }

  private inTurn(task: () => Promise<void>): Promise<void> {
    const done = this.turn.then(task);
    this.turn = done.catch(() => undefined);
    return done;
  }

  /** Runs a network that the box belongs to. What fails is tried again. */
  private begin(membership: Membership): Promise<void> {
    return this.inTurn(() => this.beginNow(membership));
  }

  private end(id: string): Promise<void> {
    return this.inTurn(() => this.endNow(id));
  }

  private async beginNow(membership: Membership): Promise<void> {
    const { config, boxName, lora, services, capability, timers, random, log, loopback } = this.options;
    const { mayTunnel, runFolder, memberships } = this.options;
    const { id } = membership;
    // It may have been left while it waited for the next try, or the box may stop.
    const isWanted = () => this.isRunning && memberships.get(id) === membership;
    if (!isWanted() || this.running.has(id)) return;
    let problem = "";
    for (const port of this.portsFor(id)) {
      if (!isWanted()) return;
      const network = new Network({
        membership,
        config,
        boxName,
        starts: this.state.starts,
        hosts: loopback ? LOOPBACK : EVERYWHERE,
        loopback,
        port,
        slot: Math.floor((port - config.port) / PORTS_A_NETWORK),
        interfaces: () => this.interfaces,
        lora,
        services,
        capability,
        load: () => this.loadThousandths,
        forbidden: this.options.forbidden,
        tunnelsFolder: mayTunnel ? runFolder : undefined,
        timers,
        random,
        log,
        tunnelsChanged: () => this.tellTraffic(),
      });
      try {
        await network.start();
        this.running.set(id, network);
        const all = memberships.list().map((one) => one.id);
        this.state.remember(id, port, all);
        this.troubles.delete(id);
        this.desk.began(network);
        this.discovery.refresh();
        this.tellTraffic();
        return;
      } catch (error) {
        problem = error instanceof Error ? error.message : String(error);
        await network.stop().catch(() => undefined);
      }
    }
    this.troubles.set(id, `${membership.name} does not run: ${problem}`);
    this.later(RETRY_MS, () => void this.begin(membership));
  }

  private async endNow(id: string): Promise<void> {
    const network = this.running.get(id);
    this.running.delete(id);
    this.troubles.delete(id);
    this.discovery.refresh();
    await network?.stop();
    this.tellTraffic();
  }

  /** By the links' names and the networks' ports it knows what is whose. */
  private tellTraffic(): void {
    const { traffic, uplinks, log } = this.options;
    const all = [...this.running.values()].map(({ ports }) => ports);
    const links = trafficLinks(this.interfaces, this.options.links, this.monitor.current());
    const ports = {
      control: all.map(({ udp }) => udp),
      messages: all.flatMap(({ tcp, ws }) => [tcp, ws]),
      bulk: [],
    };
    const tunnelPorts = [...this.running.values()].flatMap(({ tunnels }) => tunnels?.ports() ?? []);
    const told = async () => {
      await traffic?.setPorts(ports);
      await traffic?.setTunnelPorts(tunnelPorts);
      await traffic?.refresh(links);
      await uplinks?.setPins({ ports, tunnelPorts, vmInterfaces: [], idleSeconds: UPLINK_IDLE_S });
    };
    told().catch((error) => log.error({ error }, "traffic"));
  }

  /** The configured ones that no other network of this box has: first the one that it had, last those that others had. */
  private portsFor(id: string): number[] {
    const { config, memberships } = this.options;
    const taken = new Set([...this.running.values()].map(({ ports }) => ports.udp));
    const free = Array.from(
      { length: PORTS_TRIED },
      (_, index) => config.port + index * PORTS_A_NETWORK,
    ).filter((port) => port < 65_535 && !taken.has(port));
    const had = this.state.ports;
    const others = new Set(
      memberships.list().flatMap((one) => (one.id === id ? [] : (had.get(one.id) ?? []))),
    );
    const rank = (port: number) => (port === had.get(id) ? 0 : others.has(port) ? 2 : 1);
    return free.sort((a, b) => rank(a) - rank(b) || a - b);
  }

  private joinByConfiguration(link: string): void {
    const { memberships, boxName, log } = this.options;
    try {
      const { membership, outcome } = memberships.join(link, boxName);
      if (outcome === "joined") this.tell("network-joined", membership.name, { by: "configuration" });
    } catch (error) {
      log.error({ error }, "mesh.invites");
    }
  }

  private interfacesChanged(interfaces: readonly HostInterface[], came: readonly string[]): void {
    this.takeInterfaces(interfaces);
    this.discovery.refresh();
    this.tellTraffic();
    for (const network of this.running.values()) network.interfacesChanged(came);
  }

  private takeInterfaces(interfaces: readonly HostInterface[]): void {
    const { config, exclude, loopback } = this.options;
    const all = localInterfaces(interfaces, {
      exclude: [...exclude, ...config.exclude],
      metered: config.metered,
      kinds: Object.fromEntries(config.radio.map((name) => [name, "radio" as const])),
    });
    this.interfaces = loopback ? all.filter(({ kind }) => kind === "loopback") : all;
  }

  private measureLoad(before: NodeJS.CpuUsage, beforeMs: number): void {
    this.later(LOAD_EVERY_MS, () => {
      const nowMs = this.options.timers.monotonicMs();
      const { user, system } = process.cpuUsage(before);
      this.loadThousandths = Math.round((user + system) / Math.max(1, nowMs - beforeMs));
      // What members were let in is not to be forgotten by a power cut an hour later.
      try {
        this.options.memberships.flush();
      } catch (error) {
        this.options.log.error({ error }, "what was learned of the networks could not be written");
      }
      this.measureLoad(process.cpuUsage(), nowMs);
    });
  }

  private tell(kind: string, subject: string, detail: Record<string, unknown> = {}): void {
    this.options.log.info(`${kind}: ${subject}`);
    this.options.journal
      .append(this.name, kind, subject, detail)
      .catch((error) => this.options.log.error({ error }, "journal"));
  }

  private later(delayMs: number, task: () => void): void {
    const callOff = this.options.timers.after(delayMs, () => {
      this.timers.delete(callOff);
      if (this.isRunning) task();
    });
    this.timers.add(callOff);
  }
}
