import { join } from "node:path";
import type { MeshConfig } from "../config/index.ts";
import { InterfaceMonitor } from "../host/interface-monitor.ts";
import type { HostInterface } from "../host/interfaces.ts";
import { atIntervals } from "../host/intervals.ts";
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
import { LoadMeter } from "./load-meter.ts";
import { MeshState } from "./mesh-state.ts";
import type { LoraLink } from "./network/lora-link.ts";
import type { Network } from "./network/network.ts";
import { clearTunnels } from "./network/network-tunnels.ts";
import { RunningNetworks } from "./running-networks.ts";
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
  /** The ways to the internet, used together; undefined where this box may not say so. */
  uplinks: Pick<Uplinks, "setPins"> | undefined;
  /** Whether the volume of an interface is paid for. Default: those that the configuration names. */
  isMetered?: (name: string) => boolean;
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
/** A connection that was silent for so long may be moved to an uplink that came back. */
export const UPLINK_IDLE_S = 60;
/** What members were let in is not to be forgotten by a power cut an hour later. */
const WRITE_EVERY_MS = 15_000;

/** Told of networks that run. */
export interface NetworkListener {
  began: (network: Network) => void;
  /** Before it stops. */
  ended: (id: string) => void;
}

/** The other boxes: one {@link Network} for each network that this box belongs to, with what they share of the machine. */
export class MeshPart implements Part {
  readonly name = "mesh";
  readonly desk: MeshDesk;
  private readonly running: RunningNetworks;
  private readonly listeners = new Set<NetworkListener>();
  private readonly monitor: InterfaceMonitor;
  private readonly discovery: LocalDiscovery;
  private interfaces: readonly LocalInterface[] = [];
  private server: { stop(force: boolean): Promise<void> } | undefined;
  private endLora: (() => void) | undefined;
  private readonly state: MeshState;
  private readonly load: LoadMeter;
  private endWrites: () => Promise<void> = async () => {};

  constructor(private readonly options: MeshPartOptions) {
    const { runFolder, stateFolder, log, timers, memberships, randomBytes, loopback } = options;
    this.state = new MeshState(join(stateFolder, "mesh.json"), (error) =>
      log.error({ error }, "what the mesh knows of itself could not be kept"),
    );
    this.load = new LoadMeter(timers);
    this.running = new RunningNetworks({
      firstPort: options.config.port,
      memberships,
      state: this.state,
      make: (...what) => this.networkOf(...what),
      began: (network) => {
        this.desk.began(network);
        for (const listener of this.listeners) listener.began(network);
      },
      ended: (id) => {
        for (const listener of this.listeners) listener.ended(id);
      },
      changed: () => {
        this.discovery.refresh();
        this.tellTraffic();
      },
      timers,
    });
    this.monitor = new InterfaceMonitor({
      runFolder,
      log,
      timers,
      lost: (name) => {
        for (const network of this.running.all()) network.interfaceDown(name);
      },
      changed: (interfaces, { came, changed }) => this.interfacesChanged(interfaces, [...came, ...changed]),
    });
    this.discovery = new LocalDiscovery({
      interfaces: () => this.interfaces,
      networks: () => this.running.all().map(({ local }) => local),
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
      troubleOf: (id) => this.running.troubleOf(id),
      begin: (membership) => this.running.begin(membership),
      end: (id) => this.running.end(id),
      told: (kind, subject, detail) => this.tell(kind, subject, detail),
      monotonicMs: () => timers.monotonicMs(),
    });
  }

  async start(): Promise<void> {
    const { config, memberships, runFolder, log } = this.options;
    if (!config.enabled) return;
    this.state.open();
    this.running.open();
    await this.monitor.start();
    this.takeInterfaces(this.monitor.current());
    if (this.options.mayTunnel) await clearTunnels(runFolder);
    for (const link of config.invites) this.joinByConfiguration(link);
    for (const membership of memberships.list()) await this.running.begin(membership);
    this.discovery.start();
    this.endLora = this.options.lora?.onDatagram((address, datagram) => {
      // Only the network whose session it belongs to can open it.
      for (const network of this.running.all()) network.paths.receive({ by: "lora", address }, datagram);
    });
    const api = meshApi(this.desk, this.options.timers);
    const serve = (request: Request) => api.fetch(request);
    // Who listens may wait for hours, and to reach a box can take half a minute.
    this.server = serveSocket(join(runFolder, MESH_SOCKET), serve, undefined, 0);
    this.load.start();
    this.endWrites = atIntervals(
      WRITE_EVERY_MS,
      () => memberships.flush(),
      (error) => log.error({ error }, "what was learned of the networks could not be written"),
      this.options.timers,
    );
    log.debug("the mesh has started");
  }

  async stop(): Promise<void> {
    await this.load.stop();
    await this.endWrites();
    this.endLora?.();
    await this.server?.stop(true);
    this.server = undefined;
    await this.discovery.stop();
    await this.monitor.stop();
    await this.running.close();
    this.options.memberships.flush();
  }

  /** Tells of the networks that run now, and of each that begins or ends. @returns a function that ends it */
  onNetworks(listener: NetworkListener): () => void {
    this.listeners.add(listener);
    for (const network of this.running.all()) listener.began(network);
    return () => void this.listeners.delete(listener);
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
    return this.running.trouble();
  }

  /**
   * The engine is a quarter of the whole program: a box in no network does not load it, and one in a network opens its Wi-Fi
   * first.
   */
  private async networkOf(membership: Membership, port: number, slot: number): Promise<Network> {
    const { Network } = await import("./network/network.ts");
    const { config, boxName, lora, services, capability, timers, random, log, loopback } = this.options;
    const { mayTunnel, runFolder, forbidden } = this.options;
    return new Network({
      membership,
      config,
      boxName,
      starts: this.state.starts,
      hosts: loopback ? LOOPBACK : EVERYWHERE,
      loopback,
      port,
      slot,
      interfaces: () => this.interfaces,
      lora,
      services,
      capability,
      load: () => this.load.thousandths,
      forbidden,
      tunnelsFolder: mayTunnel ? runFolder : undefined,
      timers,
      random,
      log,
      tunnelsChanged: () => this.tellTraffic(),
    });
  }

  /** By the links' names and the networks' ports it knows what is whose. */
  private tellTraffic(): void {
    const { traffic, uplinks, log } = this.options;
    const all = this.running.all().map(({ ports }) => ports);
    const links = trafficLinks(this.interfaces, this.options.links, this.monitor.current());
    const ports = {
      control: all.map(({ udp }) => udp),
      messages: all.flatMap(({ tcp, ws }) => [tcp, ws]),
      bulk: [],
    };
    const tunnelPorts = this.running.all().flatMap(({ tunnels }) => tunnels?.ports() ?? []);
    const told = async () => {
      await traffic?.setPorts(ports);
      await traffic?.setTunnelPorts(tunnelPorts);
      await traffic?.refresh(links);
      await uplinks?.setPins({ ports, tunnelPorts, vmInterfaces: [], idleSeconds: UPLINK_IDLE_S });
    };
    told().catch((error) => log.error({ error }, "traffic"));
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
    for (const network of this.running.all()) network.interfacesChanged(came);
  }

  private takeInterfaces(interfaces: readonly HostInterface[]): void {
    const { config, exclude, loopback } = this.options;
    const { isMetered = (name: string) => config.metered.includes(name) } = this.options;
    const all = localInterfaces(interfaces, {
      exclude: [...exclude, ...config.exclude],
      metered: interfaces.map(({ name }) => name).filter((name) => isMetered(name)),
      kinds: Object.fromEntries(config.radio.map((name) => [name, "radio" as const])),
    });
    this.interfaces = loopback ? all.filter(({ kind }) => kind === "loopback") : all;
  }

  private tell(kind: string, subject: string, detail: Record<string, unknown> = {}): void {
    this.options.log.info(`${kind}: ${subject}`);
    this.options.journal
      .append(this.name, kind, subject, detail)
      .catch((error) => this.options.log.error({ error }, "journal"));
  }
}
