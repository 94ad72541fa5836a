import {
  bridgePorts,
  interfaceExists,
  interfaceMac,
  isIsolatedPort,
  setSysctl,
  sysctl,
} from "../host/proc-net.ts";
import { run, tryRun } from "../host/run.ts";
import type { GuestNetwork } from "./guest-network.ts";

/** The bridge that guests are on: made, addressed, its ports attached and kept from each other. */
export class GuestBridge {
  /** Interfaces that the kernel will not take as ports, with its reason. */
  private readonly refused = new Map<string, string>();

  constructor(
    private readonly net: GuestNetwork,
    private readonly ports: readonly string[],
    private readonly guestToGuest: boolean,
  ) {}

  /**
   * Makes it, or makes it whole: also one that hostapd has made. Whether it stays so is for the caller to look at.
   * @throws {RunError} when the kernel refuses
   */
  async up(): Promise<void> {
    const { bridge, ipv4, ipv6 } = this.net;
    // With its address: to one that came by chance udev gives another, some time later (systemd.link(5), MACAddressPolicy).
    if (!interfaceExists(bridge))
      await run(["ip", "link", "add", bridge, "address", this.macAddress(), "type", "bridge"]);
    setSysctl(`net/ipv6/conf/${bridge}/disable_ipv6`, 0);
    setSysctl(`net/ipv6/conf/${bridge}/accept_ra`, 0);
    // The box is alone on its guest network: without waiting for duplicates, the first phone's router solicitation
    // is answered from the link-local address that RFC 4861 demands.
    setSysctl(`net/ipv6/conf/${bridge}/accept_dad`, 0);
    // An address is answered for on its own interface only: guests learn nothing of the box's other networks.
    setSysctl(`net/ipv4/conf/${bridge}/arp_ignore`, 1);
    setSysctl(`net/ipv4/conf/${bridge}/send_redirects`, 0);
    // Where guests may reach each other they do so through the box, which looks at who has agreed (RFC 3069).
    setSysctl(`net/ipv4/conf/${bridge}/proxy_arp_pvlan`, this.guestToGuest ? 1 : 0);
    const commands = [
      `link set ${bridge} address ${this.macAddress()} type bridge mcast_snooping 0`,
      `link set ${bridge} up`,
      `addr replace ${ipv4.address}/${ipv4.prefix} dev ${bridge}`,
      `addr replace ${ipv6.address}/${ipv6.prefix} dev ${bridge} nodad`,
    ];
    await run(["ip", "-batch", "-"], { input: `${commands.join("\n")}\n` });
    await this.attachPorts();
  }

  /** Whether it is there, up, and has its addresses. */
  async stands(): Promise<boolean> {
    const { bridge, ipv4, ipv6 } = this.net;
    if (!interfaceExists(bridge) || interfaceMac(bridge) !== this.macAddress()) return false;
    if (sysctl(`net/ipv4/conf/${bridge}/arp_ignore`) !== "1") return false;
    const { stdout } = await tryRun(["ip", "-o", "addr", "show", "dev", bridge, "up"]);
    return [`${ipv4.address}/${ipv4.prefix}`, `${ipv6.address}/${ipv6.prefix}`].every((address) =>
      stdout.includes(` ${address} `),
    );
  }

  /**
   * Attaches every configured interface that is there and not yet a port, and keeps every port's guests from every
   * other's, also on ports that something else attached, such as hostapd (bridge(8), isolated).
   * @returns the ports that it changed
   */
  async attachPorts(): Promise<string[]> {
    const { bridge } = this.net;
    const attached = new Set(bridgePorts(bridge));
    const missing = this.ports.filter((port) => !attached.has(port) && interfaceExists(port));
    for (const port of missing) {
      // Each by itself: one that cannot be a port (a radio that is no access point yet) does not keep the others out.
      const { exitCode, stderr } = await tryRun(["ip", "link", "set", port, "master", bridge, "up"]);
      if (exitCode === 0) this.refused.delete(port);
      else this.refused.set(port, stderr.trim());
    }
    const changed = bridgePorts(bridge).filter((port) => !isIsolatedPort(port));
    // A port has no address of its own: guests must not meet the box there, and who gave it one by DHCP before it was a port
    // must not become the box's way to the internet.
    for (const port of changed) {
      setSysctl(`net/ipv6/conf/${port}/disable_ipv6`, 1);
      await tryRun(["ip", "-4", "addr", "flush", "dev", port]);
    }
    if (changed.length > 0) {
      const commands = changed.map((port) => `link set dev ${port} isolated on`);
      // A port that has gone meanwhile must not keep the others from being isolated.
      await tryRun(["bridge", "-force", "-batch", "-"], { input: `${commands.join("\n")}\n` });
    }
    return changed;
  }

  presentPorts(): string[] {
    return bridgePorts(this.net.bridge);
  }

  /** Which interfaces could not be attached, in words; undefined when all could. */
  refusedPorts(): string | undefined {
    const all = [...this.refused].filter(([port]) => interfaceExists(port));
    if (all.length === 0) return undefined;
    return all.map(([port, reason]) => `${port} cannot join the guest network: ${reason}`).join("; ");
  }

  /** Takes it down. Ports that something else has attached keep their place in it for the next start. */
  async down(): Promise<void> {
    const { bridge } = this.net;
    if (!interfaceExists(bridge)) return;
    if (bridgePorts(bridge).some((port) => !this.ports.includes(port))) {
      await run(["ip", "link", "set", bridge, "down"]);
      await run(["ip", "addr", "flush", "dev", bridge]);
    } else {
      await run(["ip", "link", "del", bridge]);
    }
  }

  /** A locally administered address that stays the same whatever ports come and go. */
  private macAddress(): string {
    const groups = this.net.ipv6.network.split(":").slice(0, 3);
    const digits = groups.map((group) => group.padStart(4, "0")).join("");
    return `02:${(digits.slice(2).match(/../g) ?? []).join(":")}`;
  }
}
