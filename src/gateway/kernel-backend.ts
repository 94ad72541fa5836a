import { chmodSync, closeSync, constants, mkdirSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Config } from "../config/index.ts";
import { atIntervals } from "../host/intervals.ts";
import { LinkMonitor } from "../host/link-monitor.ts";
import type { Logger } from "../host/log.ts";
import { applyNft, listNftSet, type NftCommand } from "../host/nft.ts";
import { bridgePorts, hasWayOut, setSysctl } from "../host/proc-net.ts";
import { RunError, run, tryRun } from "../host/run.ts";
import { Supervised } from "../host/supervise.ts";
import type { BackendEvents, GuestBackend, Station } from "./backend.ts";
import { captiveDnsmasqConf, communityDnsmasqConf } from "./dnsmasq-conf.ts";
import {
  type Admitted,
  admitCommands,
  expelCommands,
  NFT_TABLE,
  nftRuleset,
  PORTAL_MARK,
  type RulesetPlan,
} from "./firewall/index.ts";
import { GuestBridge } from "./guest-bridge.ts";
import { type GuestNetwork, PORTS, SPOOFED_IPV4, SPOOFED_IPV6 } from "./guest-network.ts";
import { type Lease, LineReader, leaseScript, parseLeaseEvent, parseLeases } from "./leases.ts";
import { neighbourMac } from "./neighbours.ts";
import { sendCaptivePortalAdvertisement } from "./ra-captive-portal.ts";
import { fairQueueing, type Queueing } from "./shaping.ts";

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
}

/** The guest network made of the kernel's own parts: a bridge, nftables, tc and two dnsmasq. Needs root. */
export class KernelBackend implements GuestBackend {
  private readonly bridge: GuestBridge;
  private readonly captiveDns: Supervised;
  private readonly communityDns: Supervised;
  private readonly links: LinkMonitor;
  private events: BackendEvents | undefined;
  private admitted: () => readonly Admitted[] = () => [];
  private uplinkUp = false;
  private fifo: number | undefined;
  private stops: (() => unknown)[] = [];
  /** Changes to the kernel's tables run one after the other. */
  private queue: Promise<void> = Promise.resolve();
  private readonly waiting = { admit: new Map<string, Admitted>(), expel: new Map<string, Station>() };
  private waitingFlush: Promise<void> | undefined;

  constructor(private readonly options: KernelBackendOptions) {
    const { config, net, runFolder, log } = options;
    this.bridge = new GuestBridge(net, config.interfaces, config.guest_to_guest);
    const dnsmasq = (name: string) =>
      new Supervised({ name, command: ["dnsmasq", "-C", join(runFolder, `${name}.conf`)], runFolder, log });
    this.captiveDns = dnsmasq("dnsmasq-captive");
    this.communityDns = dnsmasq("dnsmasq-community");
    this.links = new LinkMonitor(
      runFolder,
      log,
      () => void this.attachPorts().catch((error) => this.warn(error)),
    );
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
    return this.uplinkUp;
  }

  async start(events: BackendEvents, admitted: () => readonly Admitted[]): Promise<void> {
    this.events = events;
    this.admitted = admitted;
    mkdirSync(this.options.runFolder, { recursive: true });
    this.uplinkUp = this.findUplink();
    // The firewall stands before there is an interface to reach it by.
    await this.applyRuleset();
    await this.bridge.up();
    await this.links.start();
    const { uplink, guest_to_guest } = this.options.config;
    if (uplink.allow || guest_to_guest) this.forward();
    await this.readLeaseEvents();
    this.writeCaptiveConf();
    this.writeCommunityConf();
    await this.captiveDns.start();
    await this.communityDns.start();
    await this.shape();
    this.stops.push(
      atIntervals(
        CONVERGE_EVERY_MS,
        () => this.converge(),
        (error) => this.warn(error),
      ),
    );
    if (this.portalApiUrl !== undefined) {
      this.stops.push(
        atIntervals(
          ADVERTISE_EVERY_MS,
          () => this.advertise(),
          (error) => this.warn(error),
        ),
      );
    }
  }

  async stop(): Promise<void> {
    for (const stop of this.stops.splice(0)) await stop();
    await this.links.stop();
    await this.queue;
    await this.captiveDns.stop();
    await this.communityDns.stop();
    if (this.fifo !== undefined) closeSync(this.fifo);
    this.fifo = undefined;
    // The bridge first: at no moment is there a guest network without a firewall.
    await this.bridge.down();
    for (const family of ["inet", "arp"]) await tryRun(["nft", "delete", "table", family, NFT_TABLE]);
    if (this.shapesUplink)
      await tryRun(["tc", "qdisc", "del", "dev", this.options.config.uplink.interface, "root"]);
  }

  /** Many guests who agree at once are let through by one transaction. */
  admit(guests: readonly Admitted[]): Promise<void> {
    for (const guest of guests) {
      this.waiting.expel.delete(guest.mac);
      this.waiting.admit.set(guest.mac, guest);
    }
    return this.flushSoon();
  }

  async expel(guests: readonly Station[]): Promise<void> {
    for (const guest of guests) {
      this.waiting.admit.delete(guest.mac);
      this.waiting.expel.set(guest.mac, guest);
    }
    await this.flushSoon();
    for (const guest of guests) await this.cutConnections(guest);
  }

  leases(): readonly Lease[] {
    try {
      return parseLeases(readFileSync(this.leaseFile, "utf8"));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
      throw error;
    }
  }

  async stationAt(address: string): Promise<Station | undefined> {
    const isIpv4 = address.includes(".");
    const leases = this.leases();
    const leased = isIpv4 ? leases.find((lease) => lease.ipv4 === address) : undefined;
    if (leased) return { mac: leased.mac, ipv4: leased.ipv4 };
    const mac = await neighbourMac(this.options.net.bridge, address);
    if (mac === undefined) return undefined;
    if (isIpv4) return { mac, ipv4: address };
    return { mac, ipv4: leases.find((lease) => lease.mac === mac)?.ipv4 ?? "" };
  }

  async hasJustJoined(mac: string): Promise<boolean> {
    return (await listNftSet("inet", NFT_TABLE, "joining")).includes(mac);
  }

  detail(): string {
    const { net, config } = this.options;
    const ports = bridgePorts(net.bridge).join(", ") || "no interface yet";
    const way = !config.uplink.allow ? "" : this.uplinkUp ? ", way out open" : ", no way out now";
    return `${net.ipv4.network}/${net.ipv4.prefix} on ${net.bridge} (${ports})${way}`;
  }

  private get leaseFile(): string {
    return join(this.options.stateFolder, "dhcp-leases");
  }

  private get portalApiUrl(): string | undefined {
    return this.options.tlsHost === undefined ? undefined : `https://${this.options.tlsHost}/captive-portal`;
  }

  private get shapesUplink(): boolean {
    const { uplink } = this.options.config;
    return uplink.allow && uplink.interface !== "" && uplink.up_kbit > 0;
  }

  private get plan(): RulesetPlan {
    const { config, net, tlsHost } = this.options;
    return {
      net,
      limits: config.limits,
      guestRateKbit: config.guest_rate_kbit,
      guestToGuest: config.guest_to_guest,
      uplink: this.uplinkUp ? config.uplink.interface : undefined,
      blockPrivate: config.uplink.block_private,
      tls: tlsHost !== undefined,
      services: config.services,
    };
  }

  private findUplink(): boolean {
    const { interface: name, allow } = this.options.config.uplink;
    return allow && name !== "" && hasWayOut(name);
  }

  private applyRuleset(): Promise<void> {
    return this.inOrder(() => nftRuleset(this.plan, this.admitted()));
  }

  private flushSoon(): Promise<void> {
    this.waitingFlush ??= this.inOrder(() => {
      this.waitingFlush = undefined;
      const commands = [
        ...expelCommands([...this.waiting.expel.values()]),
        ...admitCommands([...this.waiting.admit.values()]),
      ];
      this.waiting.admit.clear();
      this.waiting.expel.clear();
      return commands;
    });
    return this.waitingFlush;
  }

  private inOrder(commands: () => NftCommand[]): Promise<void> {
    const done = this.queue.then(() => applyNft(commands()));
    this.queue = done.catch(() => undefined);
    return done;
  }

  private forward(): void {
    setSysctl("net.ipv4.ip_forward", 1);
    setSysctl("net.ipv6.conf.all.forwarding", 1);
  }

  private writeCaptiveConf(): void {
    const { runFolder, net } = this.options;
    const script = join(runFolder, "lease-event");
    const paths = { leases: this.leaseFile, leaseScript: script };
    writeFileSync(script, leaseScript(this.fifoPath));
    chmodSync(script, 0o755);
    writeFileSync(join(runFolder, "dnsmasq-captive.conf"), captiveDnsmasqConf(net, paths, this.portalApiUrl));
  }

  private writeCommunityConf(): void {
    const { runFolder, net, config, tlsHost, resolvFile } = this.options;
    const dns = {
      resolvFile: this.uplinkUp ? (resolvFile ?? "/etc/resolv.conf") : undefined,
      toldOnline: this.uplinkUp ? config.online.with_uplink : config.online.without_uplink,
    };
    const hosts = tlsHost === undefined ? [net.name] : [net.name, tlsHost];
    writeFileSync(join(runFolder, "dnsmasq-community.conf"), communityDnsmasqConf(net, dns, hosts));
  }

  private get fifoPath(): string {
    return join(this.options.runFolder, "lease-events");
  }

  private async readLeaseEvents(): Promise<void> {
    await run(["sh", "-c", `rm -f "$0" && mkfifo -m 600 "$0"`, this.fifoPath]);
    // Opened for both ways: it never ends, whoever closes it on the other side (fifo(7)).
    this.fifo = openSync(this.fifoPath, constants.O_RDWR | constants.O_NONBLOCK);
    const reader = Bun.file(this.fifo).stream().getReader();
    const lines = new LineReader();
    const decoder = new TextDecoder();
    const read = async (): Promise<void> => {
      for (;;) {
        const { value, done } = await reader.read();
        if (done) return;
        for (const line of lines.push(decoder.decode(value, { stream: true }))) {
          const event = parseLeaseEvent(line);
          if (event) this.events?.lease(event);
        }
      }
    };
    read().catch((error) => this.warn(error));
    this.stops.push(() => void reader.cancel().catch(() => undefined));
  }

  private async attachPorts(): Promise<void> {
    const changed = await this.bridge.attachPorts();
    if (changed.length > 0) this.options.log.info(`guest network: ports ${changed.join(", ")}`);
  }

  /** Makes true again what somebody or something else may have undone. */
  private async converge(): Promise<void> {
    await this.attachPorts();
    const up = this.findUplink();
    const standing = await tryRun(["nft", "list", "chain", "inet", NFT_TABLE, "guest_to_box"]);
    if (up !== this.uplinkUp || standing.exitCode !== 0) {
      if (standing.exitCode !== 0) this.options.log.error("the guest firewall was gone; putting it back");
      const changed = up !== this.uplinkUp;
      this.uplinkUp = up;
      await this.applyRuleset();
      if (changed) {
        this.writeCommunityConf();
        await this.communityDns.restart();
        await this.shape();
        this.events?.uplink(up);
      }
    }
  }

  private async shape(): Promise<void> {
    const { config, net } = this.options;
    const { up_kbit, down_kbit } = config.uplink;
    if (!this.uplinkUp || (up_kbit === 0 && down_kbit === 0)) return;
    // HTB cannot be changed in place (tc-htb(8)): what stands goes first.
    for (const device of [net.bridge, ...(up_kbit > 0 ? [config.uplink.interface] : [])]) {
      await tryRun(["tc", "qdisc", "del", "dev", device, "root"]);
    }
    const queueing = await kernelQueueing(net.bridge);
    const batch = [
      ...(up_kbit > 0 ? fairQueueing(config.uplink.interface, "up", up_kbit, queueing) : []),
      ...(down_kbit > 0 ? fairQueueing(net.bridge, "down", down_kbit, queueing) : []),
    ];
    await run(["tc", "-batch", "-"], { input: `${batch.join("\n")}\n` });
  }

  /** All but those to the portal: the answer to the guest who has just tapped "leave" is still on its way. */
  private async cutConnections({ ipv4 }: Station): Promise<void> {
    if (ipv4 === "") return;
    const command = ["conntrack", "-D", "-s", ipv4, "-m", `0/${PORTAL_MARK}`];
    const { exitCode, stderr } = await tryRun(command);
    // conntrack(8) exits with 1 when there was nothing to delete.
    if (exitCode > 1) this.warn(new RunError(command, exitCode, stderr));
  }

  private async advertise(): Promise<void> {
    if (this.portalApiUrl !== undefined)
      sendCaptivePortalAdvertisement(this.options.net.bridge, this.portalApiUrl);
  }

  private warn(error: unknown): void {
    this.options.log.warn({ error }, "guest network");
  }
}

/** Which queueing disciplines the kernel has, found by trying them on the guest bridge. */
async function kernelQueueing(device: string): Promise<Queueing> {
  const has = async (...qdisc: string[]) => {
    const added = await tryRun(["tc", "qdisc", "replace", "dev", device, "root", ...qdisc]);
    if (added.exitCode === 0) await tryRun(["tc", "qdisc", "del", "dev", device, "root"]);
    return added.exitCode === 0;
  };
  return { cake: await has("cake"), fqCodel: await has("fq_codel") };
}
