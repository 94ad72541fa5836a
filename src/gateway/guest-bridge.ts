import { bridgePorts, interfaceExists, setSysctl } from "../host/proc-net.ts";
import { run } from "../host/run.ts";
import type { GuestNetwork } from "./guest-network.ts";

/** The bridge that guests are on: made, addressed, its ports attached and kept from each other. */
export class GuestBridge {
  constructor(
    private readonly net: GuestNetwork,
    private readonly ports: readonly string[],
    private readonly guestToGuest: boolean,
  ) {}

  async up(): Promise<void> {
    const { bridge, ipv4, ipv6 } = this.net;
    if (!interfaceExists(bridge)) {
      await run([
        "ip",
        "link",
        "add",
        bridge,
        "address",
        this.macAddress(),
        "type",
        "bridge",
        "mcast_snooping",
        "0",
      ]);
    }
    setSysctl(`net/ipv6/conf/${bridge}/disable_ipv6`, 0);
    setSysctl(`net/ipv6/conf/${bridge}/accept_ra`, 0);
    // The box is alone on its guest network: without waiting for duplicates, the first phone's router solicitation
    // is answered from the link-local address that RFC 4861 demands.
    setSysctl(`net/ipv6/conf/${bridge}/accept_dad`, 0);
    // An address is answered for on its own interface only: guests learn nothing of the box's other networks.
    setSysctl(`net/ipv4/conf/${bridge}/arp_ignore`, 1);
    setSysctl(`net/ipv4/conf/${bridge}/send_redirects`, 0);
    const commands = [
      `link set ${bridge} up`,
      `addr replace ${ipv4.address}/${ipv4.prefix} dev ${bridge}`,
      `addr replace ${ipv6.address}/${ipv6.prefix} dev ${bridge} nodad`,
    ];
    await run(["ip", "-batch", "-"], { input: `${commands.join("\n")}\n` });
    await this.attachPorts();
  }

  /** Attaches every configured interface that is there and not yet a port. @returns those it attached */
  async attachPorts(): Promise<string[]> {
    const attached = new Set(bridgePorts(this.net.bridge));
    const missing = this.ports.filter((port) => !attached.has(port) && interfaceExists(port));
    if (missing.length === 0) return [];
    // A port has no address of its own: guests must not meet the box there.
    for (const port of missing) setSysctl(`net/ipv6/conf/${port}/disable_ipv6`, 1);
    const commands = missing.map((port) => `link set ${port} master ${this.net.bridge} up`);
    await run(["ip", "-batch", "-"], { input: `${commands.join("\n")}\n` });
    await this.isolatePorts();
    return missing;
  }

  /** Keeps every port's guests from every other's, also on ports that hostapd attached (bridge(8), isolated). */
  private async isolatePorts(): Promise<void> {
    const state = this.guestToGuest ? "off" : "on";
    for (const port of bridgePorts(this.net.bridge)) {
      await run(["bridge", "link", "set", "dev", port, "isolated", state]);
    }
  }

  async down(): Promise<void> {
    if (interfaceExists(this.net.bridge)) await run(["ip", "link", "del", this.net.bridge]);
  }

  /** A locally administered address that stays the same whatever ports come and go. */
  private macAddress(): string {
    const digits = this.net.ipv6.network.replace(/[^0-9a-f]/g, "").padEnd(12, "0");
    return `02:${(digits.slice(2, 12).match(/../g) ?? []).join(":")}`;
  }
}
