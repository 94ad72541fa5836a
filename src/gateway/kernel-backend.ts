import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { type Config, FAR_PORTS } from "../config/index.ts";
import { atIntervals, onceAtATime } from "../host/intervals.ts";
import { LinkMonitor } from "../host/link-monitor.ts";
import type { Logger } from "../host/log.ts";
import { listNftSet } from "../host/nft.ts";
import { hasWayOut, interfaceExists, setSysctl, sysctl } from "../host/proc-net.ts";
import { RunError, tryRun } from "../host/run.ts";
import { Supervised } from "../host/supervise.ts";
import type { BackendEvents, GuestBackend, Station } from "./backend.ts";
import { isToldOnline } from "./captive-detection.ts";
import { captiveDnsmasqConf, communityDnsmasqConf } from "./dnsmasq-conf.ts";
import { type Admitted, NFT_TABLE, nftRuleset, PORTAL_MARK, type RulesetPlan } from "./firewall/index.ts";
import { GuestBridge } from "./guest-bridge.ts";
import { type GuestNetwork, PORTS, SPOOFED_IPV4, SPOOFED_IPV6 } from "./guest-network.ts";
import { KernelSets } from "./kernel-sets.ts";
import { LeaseEvents } from "./lease-events.ts";
import { type Lease, parseLeases } from "./leases.ts";
import { ipv6Neighbours, neighbourMac } from "./neighbours.ts";
import { sendCaptivePortalAdvertisement } from "./ra-captive-portal.ts";
import type { GuestWays } from "./uplink/guest-ways.ts";
import { shapeUplink, unshapeUplink } from "./uplink-shaping.ts";

const CONVERGE_EVERY_MS = 2_000;
/** The shortest interval that RFC 4861 section 6.2.1 suggests for whoever joins without asking. */
const ADVERTISE_EVERY_MS = 4_000;

export interface KernelBackendOptions {
  config: Config["gateway"];
  net: GuestNetwork;
  /** For generated files and process ids; gone after a restart of the box. */
  runFolder: string;
  /** For the leases, which are to survive one. */
  stateFolder: string;
  log: Logger;
  /** The host name of a certificate that phones will accept. */
  tlsHost: string | undefined;
  /** The resolver of the uplink, in resolv.conf's format. */
  resolvFile?: string;
  /**
   * false where another part (src/mesh/traffic) queues what leaves by the uplink, with a class for each of the marks
   * that the firewall gives guests. Default true.
   */
  shapesUplink?: boolean;
  /** Guests reach services of other boxes, at ports of this one. Default false. */
  hasFarServices?: boolean;
  /**
   * The ways to the internet, which another part looks after. Guests may leave by them where `config.uplink.allow` says
   * so. Default: by `config.uplink.interface` alone, whatever is beyond it.
   */
  ways?: { forGuests(): GuestWays; onChange(listener: () => void): () => void };
}

/** How guests leave now. */
interface WayOut {
  up: boolean;
  interfaces: readonly string[];
  /** The most for one guest; 0: no limit. */
  rateKbit: number;
}

/** The guest network made of the kernel's own parts: a bridge, nftables, tc and two dnsmasq. Needs root. */
export class KernelBackend implements GuestBackend {
  private readonly bridge: GuestBridge;
  private readonly captiveDns: Supervised;
  private readonly communityDns: Supervised;
  private readonly links: LinkMonitor;
  private readonly leaseEvents: LeaseEvents;
  private readonly sets = new KernelSets();
  private events: BackendEvents | undefined;
  private admitted: () => readonly Admitted[] = () => [];
  private way: WayOut = { up: false, interfaces: [], rateKbit: 0 };
  private stops: (() => Promise<void>)[] = [];
  /** Whether it was this that had the kernel forward, so that somebody else has changed it since. */
  private forwards = false;
  /** What could not be put right the last time. */
  private failure: string | undefined;

  constructor(private readonly options: KernelBackendOptions) {
    const { config, net, runFolder, log } = options;
    this.bridge = new GuestBridge(net, config.interfaces, config.guest_to_guest);
    const dnsmasq = (name: string) =>
      new Supervised({ name, command: ["dnsmasq", "-C", join(runFolder, `${name}.conf`)], runFolder, log });
    this.captiveDns = dnsmasq("dnsmasq-captive");
    this.communityDns = dnsmasq("dnsmasq-community");
    this.leaseEvents = new LeaseEvents(runFolder);
    this.links = new LinkMonitor(runFolder, log, () => void this.converge());
  }

  get portalUrl(): string {
    return `http://${this.options.net.name}`;
  }

  get portalHosts(): readonly string[] {
    const { net, tlsHost } = this.options;
    const names = [net.name, net.ipv4.address, SPOOFED_IPV4, `[${net.ipv6.address}]`, `[${SPOOFED_IPV6}]`];
    return tlsHost === undefined ? names : [...names, tlsHost];
  }

  get portalListens() {
    const { ipv4, ipv6 } = this.options.net;
    return [
      { address: ipv4.address, port: PORTS.portalHttp },
      { address: ipv6.address, port: PORTS.portalHttp },
    ];
  }

  get uplinkUsable(): boolean {
    return this.way.up;
  }

  async start(events: BackendEvents, admitted: () => readonly Admitted[]): Promise<void> {
    const { runFolder } = this.options;
    this.events = events;
    this.admitted = admitted;
    mkdirSync(runFolder, { recursive: true });
    this.way = this.findWay();
    // The firewall stands before there is an interface to reach it by.
    await this.applyRuleset();
    await this.bridge.up();
    this.forward();
    await this.leaseEvents.start(
      (event) => this.events?.lease(event),
      (error) => this.warn(error),
    );
    const leases = { leases: this.leaseFile, leaseScript: this.leaseEvents.script };
    const captive = captiveDnsmasqConf(this.options.net, leases, this.portalApiUrl);
    writeFileSync(join(runFolder, "dnsmasq-captive.conf"), captive);
    this.writeCommunityConf();
    await this.captiveDns.start();
    await this.communityDns.start();
    await this.shape();
    await this.links.start();
    const { ways } = this.options;
    if (ways) {
      const endWays = ways.onChange(() => void this.converge());
      this.stops.push(async () => endWays());
      // Told of while the rest was made.
      if (!isDeepStrictEqual(this.findWay(), this.way)) void this.converge();
    }
    this.stops.push(
      atIntervals(
        CONVERGE_EVERY_MS,
        () => this.converge(),
        (error) => this.warn(error),
      ),
    );
    const url = this.portalApiUrl;
    if (url !== undefined) {
      const advertise = () => sendCaptivePortalAdvertisement(this.options.net.bridge, url);
      this.stops.push(atIntervals(ADVERTISE_EVERY_MS, advertise, (error) => this.warn(error)));
    }
  }

  async stop(): Promise<void> {
    await this.links.stop();
    for (const stop of this.stops.splice(0)) await stop();
    // A round that is under way would put back what is taken away now; nothing begins another.
    await this.converge();
    await this.sets.settled();
    await this.captiveDns.stop();
    await this.communityDns.stop();
    this.leaseEvents.stop();
    // The bridge first: at no moment is there a guest network without a firewall.
    await this.bridge.down();
    for (const family of ["inet", "arp"]) await tryRun(["nft", "delete", "table", family, NFT_TABLE]);
    const { uplink } = this.options.config;
    if (uplink.allow && uplink.interface !== "" && this.shapesUplink) await unshapeUplink(uplink.interface);
  }

  admit(guests: readonly Admitted[]): Promise<void> {
    return this.sets.admit(guests);
  }

  async expel(guests: readonly Station[]): Promise<void> {
    await this.sets.expel(guests);
    const ipv6 = await ipv6Neighbours(this.options.net.bridge);
    for (const { mac, ipv4 } of guests) {
      if (ipv4 !== "") await this.cutConnections("ipv4", ipv4);
      for (const address of ipv6.get(mac) ?? []) await this.cutConnections("ipv6", address);
    }
  }

  leases(): readonly Lease[] {
    try {
      return parseLeases(readFileSync(this.leaseFile, "utf8"));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
      throw error;
    }
  }

  /** The kernel's neighbour table knows whose frames come from an address; a lease is what somebody has asked for. */
  async stationAt(address: string): Promise<Station | undefined> {
    const isIpv4 = address.includes(".");
    const leases = this.leases();
    const leased = isIpv4 ? leases.find((lease) => lease.ipv4 === address)?.mac : undefined;
    const mac = (await neighbourMac(this.options.net.bridge, address)) ?? leased;
    if (mac === undefined) return undefined;
    if (isIpv4) return { mac, ipv4: address };
    return { mac, ipv4: leases.find((lease) => lease.mac === mac)?.ipv4 ?? "" };
  }

  async hasJustJoined(mac: string): Promise<boolean> {
    return (await listNftSet("inet", NFT_TABLE, "joining")).includes(mac);
  }

  detail(): string {
    const { net, config } = this.options;
    const ports = this.bridge.presentPorts().join(", ") || "no interface yet";
    const way = !config.uplink.allow ? "" : this.way.up ? ", way out open" : ", no way out now";
    return `${net.ipv4.network}/${net.ipv4.prefix} on ${net.bridge} (${ports})${way}`;
  }

  trouble(): string | undefined {
    return this.failure ?? this.captiveDns.trouble ?? this.communityDns.trouble ?? this.bridge.refusedPorts();
  }

  private get leaseFile(): string {
    return join(this.options.stateFolder, "dhcp-leases");
  }

  private get portalApiUrl(): string | undefined {
    return this.options.tlsHost === undefined ? undefined : `https://${this.options.tlsHost}/captive-portal`;
  }

  private get plan(): RulesetPlan {
    const { config, net, tlsHost } = this.options;
    return {
      net,
      limits: config.limits,
      guestRateKbit: this.way.rateKbit,
      guestToGuest: config.guest_to_guest,
      // All of them while there is any: who spreads connections may choose one before its route is seen here.
      uplinks: this.way.up ? this.way.interfaces : [],
      blockPrivate: config.uplink.block_private,
      tls: tlsHost !== undefined,
      services: config.services,
      ...(this.options.hasFarServices ? { farPorts: FAR_PORTS } : {}),
      known: this.leases().map((lease) => lease.mac),
    };
  }

  private get shapesUplink(): boolean {
    return this.options.shapesUplink ?? true;
  }

  /** The interfaces that guests may leave by. */
  private get uplinks(): readonly string[] {
    const { config, ways } = this.options;
    if (!config.uplink.allow) return [];
    return ways?.forGuests().interfaces ?? [config.uplink.interface].filter((one) => one !== "");
  }

  private findWay(): WayOut {
    const { config, ways } = this.options;
    const interfaces = this.uplinks;
    const { works = true, rateKbit } = ways?.forGuests() ?? {};
    const rates = [config.guest_rate_kbit, rateKbit ?? 0].filter((rate) => rate > 0);
    return {
      up: works && interfaces.some(hasWayOut),
      interfaces,
      rateKbit: rates.length > 0 ? Math.min(...rates) : 0,
    };
  }

  private applyRuleset(): Promise<void> {
    return this.sets.apply(() => nftRuleset(this.plan, this.admitted()));
  }

  private forward(): void {
    const { uplink, guest_to_guest } = this.options.config;
    if (!uplink.allow && !guest_to_guest) return;
    this.listenToRouters();
    for (const parameter of ["net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"]) {
      if (sysctl(parameter) === "1") continue;
      if (this.forwards) this.options.log.warn(`${parameter} was taken away from guests; putting it back`);
      setSysctl(parameter, 1);
    }
    this.forwards = true;
  }

  /**
   * A router does so on its uplinks only when it is told to (Documentation/networking/ip-sysctl.rst); one may come later.
   * Where it is off, systemd-networkd or NetworkManager listens instead of the kernel.
   */
  private listenToRouters(): void {
    for (const name of this.uplinks.filter(interfaceExists)) {
      const parameter = `net/ipv6/conf/${name}/accept_ra`;
      if (sysctl(parameter) === "1") setSysctl(parameter, 2);
    }
  }

  private writeCommunityConf(): void {
    const { runFolder, net, config, tlsHost, resolvFile } = this.options;
    const dns = {
      resolvFile: this.way.up ? (resolvFile ?? "/etc/resolv.conf") : undefined,
      toldOnline: isToldOnline(config.online, this.way.up),
    };
    const hosts = tlsHost === undefined ? [net.name] : [net.name, tlsHost];
    writeFileSync(join(runFolder, "dnsmasq-community.conf"), communityDnsmasqConf(net, dns, hosts));
  }

  /**
   * Makes true again what somebody or something else may have undone; the firewall before all else. Once at a time:
   * what it does to a link is itself a change that is told of.
   */
  private readonly converge = onceAtATime(async () => {
    let failure: string | undefined;
    for (const mend of [() => this.mendFirewall(), () => this.mendBridge(), () => this.followUplink()]) {
      try {
        await mend();
      } catch (error) {
        failure = error instanceof Error ? error.message : String(error);
        if (failure !== this.failure) this.warn(error);
      }
    }
    this.failure = failure;
  });

  private async mendFirewall(): Promise<void> {
    const tables = await tryRun(["nft", "list", "tables"]);
    const stands = ["inet", "arp"].every((family) =>
      tables.stdout.includes(`table ${family} ${NFT_TABLE}\n`),
    );
    if (stands) return;
    this.options.log.error("the guest firewall was gone; putting it back");
    await this.applyRuleset();
  }

  private async mendBridge(): Promise<void> {
    if (!(await this.bridge.stands())) {
      if (this.failure === undefined) this.options.log.error("the guest bridge was gone; putting it back");
      await this.bridge.up();
      if (!(await this.bridge.stands()))
        throw new Error(`${this.options.net.bridge} does not keep the addresses that it was given`);
    }
    const changed = await this.bridge.attachPorts();
    if (changed.length > 0) this.options.log.info(`guest network: ports ${changed.join(", ")}`);
  }

  private async followUplink(): Promise<void> {
    // What sets the kernel's defaults (systemd-sysctl) may do so while the box starts, and anew when a package brings some.
    this.forward();
    const [before, way] = [this.way, this.findWay()];
    if (isDeepStrictEqual(way, before)) return;
    this.way = way;
    await this.applyRuleset();
    const { up } = way;
    if (up === before.up) return;
    this.writeCommunityConf();
    await this.communityDns.restart();
    await this.shape();
    this.events?.uplink(up);
  }

  private async shape(): Promise<void> {
    const { config, net } = this.options;
    if (!this.way.up) return;
    const { interface: uplink, up_kbit: upKbit, down_kbit: downKbit } = config.uplink;
    const own = this.shapesUplink ? uplink : undefined;
    await shapeUplink({ uplink: own, bridge: net.bridge, upKbit, downKbit });
  }

  /** All but those to the portal: the answer to the guest who has just tapped "leave" is still on its way. */
  private async cutConnections(family: "ipv4" | "ipv6", address: string): Promise<void> {
    const command = ["conntrack", "-D", "-f", family, "-s", address, "-m", `0/${PORTAL_MARK}`];
    const { exitCode, stderr } = await tryRun(command);
    // conntrack(8) exits with 1 when there was nothing to delete.
    if (exitCode > 1) this.warn(new RunError(command, exitCode, stderr));
  }

  private warn(error: unknown): void {
    this.options.log.warn({ error }, "guest network");
  }
}
