import { randomBytes } from "node:crypto";
import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { MeshConfig } from "../../config/index.ts";
import type { Logger } from "../../host/log.ts";
import type { Timers } from "../../host/timers.ts";
import type { LocalInterface } from "../discovery/discovery-interface.ts";
import type { PeerId } from "../engine/engine-interface.ts";
import type { NatKind } from "../nat/nat-interface.ts";
import type { Endpoint } from "../paths/endpoint.ts";
import type { ControlChannel } from "../paths/paths-interface.ts";
import { type KeptEnd, leaseOfPurpose } from "../tunnels/kept-end.ts";
import { clearRelays, RELAY_TABLE } from "../tunnels/relay-kernel.ts";
import type { Tunnel, TunnelStatus } from "../tunnels/tunnel.ts";
import { type OpenOptions, type TunnelOffer, Tunnels, type TunnelsOptions } from "../tunnels/tunnels.ts";
import { UdpRelay } from "../tunnels/udp-relay.ts";
import { clearWireGuardLeftovers } from "../tunnels/wireguard-process.ts";
import { relayBudget } from "./relay-budget.ts";
import { type TunnelWelcome, TunnelWelcomes } from "./tunnel-welcomes.ts";
import { leavesBy } from "./ways.ts";

export interface NetworkTunnelsOptions {
  channel: ControlChannel;
  config: MeshConfig["relay"];
  networkId: string;
  /** Which of the box's networks it is. */
  slot: number;
  interfaces: () => readonly LocalInterface[];
  /** Networks where nobody of the mesh is, with prefix length: the guests'. */
  forbidden: readonly string[];
  /** Own addresses that others may reach, the likeliest first. */
  addresses: () => readonly string[];
  /** How the box's own UDP port is seen from outside. */
  mapped: () => Endpoint | undefined;
  nat: () => NatKind;
  /** Members that relay, the best first. */
  relays: () => readonly PeerId[];
  runFolder: string;
  /** Tunnels have come or gone. */
  changed: () => void;
  timers: Timers;
  log: Logger;
  /** Default: WireGuard's. */
  deviceFactory?: TunnelsOptions["deviceFactory"];
}

/** The box's end of a lease's tunnel; undefined where there is no such lease, or the offer's key is not its requester's. */
export type LeaseEnds = (lease: string, offer: TunnelOffer) => Promise<KeptEnd | undefined>;

const TUNNELS_FOLDER = "tunnels";
/** Tunnels of one member, opened and taken together. */
const TUNNELS_OF_PEER = 8;
const MOST_TUNNELS = 64;
/** UDP ports to relay by: below those that the kernel gives out by itself (net.ipv4.ip_local_port_range). */
const RELAY_PORTS = { first: 28_000, count: 400, networks: 5 };
const RELAY_LIFETIME_S = 120;
const TOLD_AFTER_MS = 2_000;

/** Those of one network: 28000 to 29999 are divided. */
function relayPorts(slot: number): { first: number; last: number } {
  const first = RELAY_PORTS.first + (slot % RELAY_PORTS.networks) * RELAY_PORTS.count;
  return { first, last: first + RELAY_PORTS.count - 1 };
}

/** Removes what a killed daemon has left of all networks' tunnels: before any of them starts. */
export async function clearTunnels(runFolder: string): Promise<void> {
  const folder = join(runFolder, TUNNELS_FOLDER);
  mkdirSync(folder, { recursive: true });
  const networks = readdirSync(folder).map((name) => join(folder, name));
  for (const one of networks.length > 0 ? networks : [folder]) await clearWireGuardLeftovers(one);
  await clearRelays();
}

/** The WireGuard tunnels of one network: this box's own, and those that it relays for others. Needs root. */
export class NetworkTunnels {
  private readonly tunnels: Tunnels;
  private readonly relay: UdpRelay | undefined;
  private readonly changed: () => void;
  private readonly timers: Timers;
  private readonly relays: () => readonly PeerId[];
  /** Those that the tunnels know of, as JSON. */
  private relaysTold = "";
  private readonly welcomes = new TunnelWelcomes(() => randomBytes(8).toString("hex"));
  private leaseEnd: LeaseEnds | undefined;

  constructor(options: NetworkTunnelsOptions) {
    this.changed = options.changed;
    this.timers = options.timers;
    this.relays = options.relays;
    const {
      channel,
      config,
      networkId,
      slot,
      interfaces,
      addresses,
      mapped,
      nat,
      relays,
      runFolder,
      timers,
      log,
      forbidden,
      deviceFactory,
    } = options;
    const endpoints = (port: number): Endpoint[] => {
      const outside = mapped();
      const own = addresses().map((address) => ({ address, port }));
      // Many NATs keep a port; where this one does not, the relay sees which it is.
      return outside ? [{ address: outside.address, port }, ...own] : own;
    };
    this.tunnels = new Tunnels({
      channel,
      endpoints,
      natKind: nat,
      relays,
      rules: () => ({ forbidden, own: interfaces().flatMap(plainAddresses) }),
      isMetered: ({ address }) => leavesBy(address, interfaces())?.metered ?? false,
      ...(deviceFactory ? { deviceFactory } : {}),
      runFolder: join(runFolder, TUNNELS_FOLDER, networkId),
      timers,
      randomBytes,
      log,
      quotas: { tunnels: MOST_TUNNELS, tunnelsPerPeer: TUNNELS_OF_PEER },
    });
    this.tunnels.onOffer(async (offer) => this.welcomed(offer) ?? this.lent(offer));
    if (!config.enabled || config.tunnels === 0) return;
    this.relay = new UdpRelay({
      channel,
      addresses: () =>
        interfaces()
          .filter(({ up, kind }) => up && (kind === "ethernet" || kind === "radio"))
          .flatMap((link) => plainAddresses(link).map((address) => ({ address, interface: link.name })))
          .filter(({ address }) => !address.startsWith("fe80:")),
      endpoints,
      quotas: {
        tunnels: config.tunnels,
        tunnelsPerPeer: TUNNELS_OF_PEER,
        kbitEach: relayBudget(config).tunnels.eachKbit,
        kbitTotal: relayBudget(config).tunnels.totalKbit,
        lifetimeS: RELAY_LIFETIME_S,
        ports: relayPorts(slot),
      },
      table: `${RELAY_TABLE}_${networkId}`,
      timers,
      random: () => randomBytes(6).readUIntBE(0, 6) / 2 ** 48,
      log,
    });
  }

  async start(): Promise<void> {
    await this.tunnels.start(false);
    await this.relay?.start();
  }

  async stop(): Promise<void> {
    await this.tunnels.stop();
    await this.relay?.stop();
  }

  /** UDP ports of this box's own tunnels. */
  ports(): number[] {
    return this.tunnels.listenPorts();
  }

  /** To be called now and then: relays come and go with sessions and with what members say of themselves. */
  review(): void {
    if (JSON.stringify(this.relays()) !== this.relaysTold) this.moved();
  }

  /** Addresses, the NAT in front or the relays have changed. */
  moved(): void {
    this.relaysTold = JSON.stringify(this.relays());
    this.tunnels.moved();
  }

  /** Opens a tunnel, and waits until it carries. @throws when it does not within `timeoutMs` */
  async open(peer: PeerId, options: OpenOptions, timeoutMs: number): Promise<TunnelStatus> {
    const tunnel = await this.tunnels.open(peer, options);
    this.changed();
    try {
      await tunnel.up(timeoutMs);
    } catch (error) {
      await this.close(tunnel.id, "it did not come up");
      throw error;
    }
    return tunnel.status();
  }

  /**
   * Has an interface that is kept elsewhere follow whatever way there is to a member, until the tunnel is closed.
   * @throws as {@link Tunnels.open}
   */
  async lead(peer: PeerId, end: KeptEnd, purpose: string): Promise<Tunnel> {
    const tunnel = await this.tunnels.open(peer, { device: end, purpose });
    this.changed();
    return tunnel;
  }

  /** Who has the box's ends of leases' tunnels. @returns ends it */
  serveLeases(ends: LeaseEnds): () => void {
    this.leaseEnd = ends;
    return () => {
      if (this.leaseEnd === ends) this.leaseEnd = undefined;
    };
  }

  /** Takes the next offer that is like this. @returns its name, by which it can be taken back */
  welcome(welcome: TunnelWelcome): string {
    return this.welcomes.add(welcome);
  }

  async close(id: string, reason?: string): Promise<void> {
    this.welcomes.takeBack(id);
    await this.tunnels.close(id, reason);
    this.changed();
  }

  status(): TunnelStatus[] {
    return this.tunnels.status();
  }

  private async lent(offer: TunnelOffer): Promise<KeptEnd | undefined> {
    const lease = leaseOfPurpose(offer.purpose);
    const end = lease === undefined ? undefined : await this.leaseEnd?.(lease, offer);
    // Of what is refused nothing comes: any member may offer, as fast as it likes.
    if (end) this.timers.after(TOLD_AFTER_MS, this.changed);
    return end;
  }

  private welcomed(offer: TunnelOffer) {
    const welcome = leaseOfPurpose(offer.purpose) === undefined ? this.welcomes.take(offer) : undefined;
    if (!welcome) return undefined;
    // Its port is known once the interface is there.
    this.timers.after(TOLD_AFTER_MS, this.changed);
    const { device, lifetimeMs } = welcome;
    return { ...device, ...(lifetimeMs === undefined ? {} : { lifetimeMs }) };
  }
}

const plainAddresses = ({ addresses }: LocalInterface): string[] =>
  addresses.map((text) => text.split("/")[0] ?? "");
