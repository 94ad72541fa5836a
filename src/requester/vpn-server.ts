import { atIntervals, onceAtATime } from "../host/intervals.ts";
import type { Logger } from "../host/log.ts";
import { systemTimers, type Timers } from "../host/timers.ts";
import { wireGuardPublicKey } from "../host/wireguard-key.ts";
import { otherFirewalls, tablesIn } from "./firewalls.ts";
import { forwarderArguments } from "./vpn-dns.ts";
import type { VpnGround } from "./vpn-ground.ts";
import {
  checkPeer,
  endpointText,
  type LedEnd,
  type SeenPeer,
  seenPeer,
  type VpnEndpoint,
  type VpnPeer,
  VpnPeerError,
} from "./vpn-peer.ts";
import { freeAddress, planVpn, protectedNetworks, type VpnPlan } from "./vpn-plan.ts";
import { type VpnDns, vpnRuleset } from "./vpn-ruleset.ts";

export interface VpnOptions {
  /** 8 hexadecimal digits; see {@link VpnPlan.id}. */
  id: string;
  /** WireGuard's, base64. */
  privateKey: string;
  /** 0: one that is free. */
  listenPort: number;
  allowLan: boolean;
}

/** What the other end has to know. */
export interface VpnEnds {
  /** Base64. */
  publicKey: string;
  /** UDP, on this machine. */
  listenPort: number;
  gateway: string;
  dns: string;
}

/** How often it is looked whether everything is as it was made. */
const LOOK_EVERY_MS = 3_000;
/** Keeps NATs in front of either end open (wireguard.com/quickstart proposes 25). */
const KEEPALIVE_S = 15;
const DEVICE_TRIES = 150;

/**
 * Serves the VPN through which virtual machines reach the internet and nothing else of ours. `start` and `stop` may be
 * called again. While it runs it makes good what others undo: rules that were flushed, an interface that has gone, other
 * ways to the internet.
 */
export class VpnServer {
  private plan: VpnPlan | undefined;
  private dns: VpnDns | undefined;
  private listenPort: number;
  private outsidePort = 0;
  private readonly peers = new Map<string, VpnPeer>();
  /** Where peers were last heard from, as wg(8) writes it: an interface that is made anew can begin by itself, at once. */
  private readonly heardFrom = new Map<string, string>();
  /** Peers of which somebody else finds out where they are. */
  private readonly led = new Set<string>();
  /** What is set of peers goes one after the other: wg(8) makes a peer that is set just after it was removed. */
  private settings: Promise<unknown> = Promise.resolve();
  private applied = "";
  private firewalls: string[] = [];
  private stopLooking: (() => Promise<void>) | undefined;

  constructor(
    private readonly options: VpnOptions,
    private readonly ground: VpnGround,
    private readonly log: Logger,
    private readonly timers: Timers = systemTimers,
  ) {
    this.listenPort = options.listenPort;
  }

  /** @throws what failed; nothing is left then */
  async start(): Promise<VpnEnds> {
    if (this.plan === undefined) {
      const { id, allowLan } = this.options;
      this.plan = planVpn({ id, allowLan, inUse: this.ground.ownNetworks() });
      try {
        await this.make(this.plan);
      } catch (error) {
        await this.stop();
        throw error;
      }
      const failed = (error: unknown) => this.log.warn({ error }, "the VPN is not as it should be");
      this.stopLooking = atIntervals(LOOK_EVERY_MS, () => this.refresh(), failed, this.timers);
    }
    return {
      publicKey: wireGuardPublicKey(this.options.privateKey),
      listenPort: this.outsidePort,
      gateway: this.plan.gateway,
      dns: this.plan.dns,
    };
  }

  /** Puts everything back as it was. */
  async stop(): Promise<void> {
    await this.stopLooking?.();
    this.stopLooking = undefined;
    await this.ground.end();
    this.plan = undefined;
    this.applied = "";
    this.peers.clear();
    this.heardFrom.clear();
    this.led.clear();
  }

  /** An address for another lease. @param given those of leases that are kept elsewhere @throws {VpnPlanError} */
  freeAddress(given: readonly string[] = []): string {
    return freeAddress(this.running(), [...given, ...[...this.peers.values()].map(({ address }) => address)]);
  }

  /**
   * Lets a virtual machine in: before it begins its handshake, which it repeats only after 5 s.
   * @throws {VpnPeerError}
   */
  async addPeer(peer: VpnPeer): Promise<void> {
    const plan = this.running();
    checkPeer(plan, peer, [...this.peers.values()]);
    this.peers.set(peer.publicKey, peer);
    await this.setPeer(plan, peer);
  }

  /**
   * Begins the handshake anew with a peer that we come to and that has not answered: what was sent before its end was there is
   * lost, and said again only after 5 s (WireGuard's REKEY_TIMEOUT). A peer that is made anew is spoken to at once.
   */
  async knock(publicKey: string): Promise<void> {
    const { plan } = this;
    const peer = this.peers.get(publicKey);
    if (plan === undefined || peer?.endpoint === undefined || this.led.has(publicKey)) return;
    if ((await this.handshakeAt(publicKey)) !== undefined) return;
    await this.ground.tryRun(["wg", "set", plan.interface, "peer", publicKey, "remove"]);
    await this.setPeer(plan, peer);
  }

  /** Our end of a peer's tunnel, for who finds out where that is. @throws {VpnPeerError} */
  ledEnd(peerKey: string): LedEnd {
    const { interface: name } = this.running();
    if (!this.peers.has(peerKey)) throw new VpnPeerError("peer.publicKey: is no peer's");
    return {
      ...{ interface: name, peerKey, listenPort: this.outsidePort },
      publicKey: wireGuardPublicKey(this.options.privateKey),
      point: (endpoint, fresh) => this.point(peerKey, endpoint, fresh),
      stir: () => this.stir(peerKey),
      look: () => this.seen(peerKey),
    };
  }

  async removePeer(publicKey: string): Promise<void> {
    this.heardFrom.delete(publicKey);
    this.led.delete(publicKey);
    if (!this.peers.delete(publicKey) || this.plan === undefined) return;
    const { interface: name } = this.plan;
    await this.inTurn(() => this.ground.tryRun(["wg", "set", name, "peer", publicKey, "remove"]));
  }

  /** When a peer last proved itself, ms since 1970; undefined: never. */
  async handshakeAt(publicKey: string): Promise<number | undefined> {
    const shown = await this.ground.tryRun(["wg", "show", this.running().interface, "latest-handshakes"]);
    const line = shown.stdout.split("\n").find((text) => text.startsWith(`${publicKey}\t`));
    const seconds = Number(line?.split("\t")[1] ?? 0);
    return seconds > 0 ? seconds * 1000 : undefined;
  }

  /** The UDP port of the interface itself, to be asked for again at the next start; 0: there was none yet. */
  get port(): number {
    return this.listenPort;
  }

  /** See {@link VpnGround.proxy}. */
  proxy(address: string, port: number): readonly string[] | undefined {
    return this.ground.proxy(address, port);
  }

  /** What keeps the virtual machines from the internet, as far as it can be told; undefined while nothing is known. */
  trouble(): string | undefined {
    const others = this.firewalls.join(", ");
    return (
      this.ground.trouble() ??
      (others === "" ? undefined : `other rules on this machine may drop the VM's traffic: ${others}`)
    );
  }

  /** Looks whether everything is as it was made, and makes it so. Never twice at once. */
  readonly refresh = onceAtATime(async () => {
    const { plan } = this;
    if (plan === undefined) return;
    await this.ground.lookAround();
    await this.applyRules(plan, await this.isTableThere(plan));
    await this.ensureDevice(plan);
    await this.ground.forward();
    await this.noteEndpoints(plan);
  });

  private async make(plan: VpnPlan): Promise<void> {
    await this.ground.begin(plan);
    this.dns = this.ground.dns();
    // The rules stand before there is anything that they are about.
    await this.applyRules(plan, false);
    await this.isTableThere(plan);
    await this.ensureDevice(plan);
    await this.ground.forward();
    if (this.dns.by === "forwarder")
      await this.ground.keep(`dns-${plan.interface}`, ["dnsmasq", ...forwarderArguments(plan)], []);
    this.outsidePort = await this.ground.publish(this.listenPort);
  }

  private async applyRules(plan: VpnPlan, stands: boolean): Promise<void> {
    if (this.dns === undefined) return;
    const commands = vpnRuleset(plan, {
      dns: this.dns,
      protected: protectedNetworks(plan, this.ground.ownNetworks()),
      guarded: this.ground.guarded(),
    });
    const input = JSON.stringify({ nftables: commands });
    if (stands && input === this.applied) return;
    await this.ground.run(["nft", "-j", "-f", "-"], { input, timeoutMs: 60_000 });
    this.applied = input;
  }

  private async isTableThere(plan: VpnPlan): Promise<boolean> {
    const { stdout } = await this.ground.tryRun(["nft", "-j", "list", "chains"]);
    this.firewalls = otherFirewalls(stdout, plan.table);
    return tablesIn(stdout).includes(plan.table);
  }

  private async ensureDevice(plan: VpnPlan): Promise<void> {
    const name = plan.interface;
    const shown = await this.ground.tryRun(["wg", "show", name, "private-key"]);
    if (shown.exitCode === 0 && shown.stdout.trim() === this.options.privateKey) return;
    if (shown.exitCode !== 0) await this.makeDevice(name);
    await this.ground.run(
      ["wg", "set", name, "private-key", "/dev/stdin", "listen-port", String(this.listenPort)],
      { input: this.options.privateKey },
    );
    for (const peer of this.peers.values()) await this.setPeer(plan, peer);
    // Nothing but IPv4 is in this tunnel. Where the kernel has no IPv6 there is nothing to switch off.
    await this.ground.tryRun(["tee", `/proc/sys/net/ipv6/conf/${name}/disable_ipv6`], { input: "1" });
    await this.ground.run(["ip", "-batch", "-"], {
      input: [
        `link set ${name} mtu ${plan.mtu}`,
        `address replace ${plan.gateway}/${plan.prefixLength} dev ${name}`,
        `link set ${name} up`,
        "",
      ].join("\n"),
    });
    await this.keepPort(name);
  }

  private async makeDevice(name: string): Promise<void> {
    const made = await this.ground.tryRun(["ip", "link", "add", name, "type", "wireguard"]);
    if (made.exitCode === 0) return;
    await this.ground.keep(
      `wireguard-go-${name}`,
      ["wireguard-go", "-f", name],
      [`/var/run/wireguard/${name}.sock`],
    );
    for (let tries = 0; tries < DEVICE_TRIES; tries += 1) {
      if ((await this.ground.tryRun(["wg", "show", name, "private-key"])).exitCode === 0) return;
      await Bun.sleep(20);
    }
    const reason = this.ground.trouble() ?? "no reason known";
    throw new Error(
      `${name}: the kernel has no WireGuard (${made.stderr.trim()}), wireguard-go does not answer: ${reason}`,
    );
  }

  /** The port that the kernel gave stays for as long as this runs: the other ends know it. */
  private async keepPort(name: string): Promise<void> {
    for (let tries = 0; this.listenPort === 0 && tries < DEVICE_TRIES; tries += 1) {
      this.listenPort = Number((await this.ground.run(["wg", "show", name, "listen-port"])).trim());
      if (this.listenPort === 0) await Bun.sleep(20);
    }
    if (this.listenPort === 0) throw new Error(`${name}: no UDP port`);
  }

  private async noteEndpoints(plan: VpnPlan): Promise<void> {
    const { stdout } = await this.ground.tryRun(["wg", "show", plan.interface, "endpoints"]);
    for (const line of stdout.split("\n")) {
      const [publicKey = "", endpoint = "(none)"] = line.split("\t");
      if (this.peers.has(publicKey) && endpoint !== "(none)") this.heardFrom.set(publicKey, endpoint);
    }
  }

  private point(peerKey: string, endpoint: VpnEndpoint | undefined, fresh: boolean): Promise<void> {
    return this.inTurn(async () => {
      const peer = this.peers.get(peerKey);
      if (!peer) throw new VpnPeerError("peer.publicKey: is no peer's");
      this.led.add(peerKey);
      if (endpoint) this.heardFrom.set(peerKey, endpointText(endpoint));
      await this.ground.run([
        ...["wg", "set", this.running().interface, ...(fresh ? ["peer", peerKey, "remove"] : [])],
        // Nothing is sent by itself before it is stirred: two ends that begin at once are in each other's way.
        ...["peer", peerKey, "allowed-ips", `${peer.address}/32`, "persistent-keepalive", "0"],
        ...(endpoint ? ["endpoint", endpointText(endpoint)] : []),
      ]);
    });
  }

  /** WireGuard sends a keepalive when they are switched on. */
  private stir(peerKey: string): Promise<SeenPeer | undefined> {
    return this.inTurn(async () => {
      if (!this.peers.has(peerKey)) return undefined;
      const keepalive = (seconds: number) => ["peer", peerKey, "persistent-keepalive", String(seconds)];
      await this.ground.tryRun([
        ...["wg", "set", this.running().interface, ...keepalive(0), ...keepalive(KEEPALIVE_S)],
      ]);
      return this.seen(peerKey);
    });
  }

  private async seen(peerKey: string): Promise<SeenPeer | undefined> {
    const shown = await this.ground.tryRun(["wg", "show", this.running().interface, "dump"]);
    return shown.exitCode === 0 ? seenPeer(shown.stdout, peerKey) : undefined;
  }

  private async setPeer(plan: VpnPlan, { publicKey, address, endpoint }: VpnPeer): Promise<void> {
    const where = this.heardFrom.get(publicKey) ?? (endpoint && endpointText(endpoint));
    await this.ground.run([
      ...["wg", "set", plan.interface, "peer", publicKey, "allowed-ips", `${address}/32`],
      ...["persistent-keepalive", String(KEEPALIVE_S)],
      ...(where === undefined ? [] : ["endpoint", where]),
    ]);
  }

  private inTurn<T>(task: () => Promise<T>): Promise<T> {
    const done = this.settings.then(task);
    this.settings = done.catch(() => undefined);
    return done;
  }

  private running(): VpnPlan {
    if (this.plan === undefined) throw new VpnPeerError("the VPN does not run");
    return this.plan;
  }
}
