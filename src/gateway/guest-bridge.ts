import { bridgePorts, interfaceExists, isIsolatedPort, setSysctl } from "../host/proc-net.ts";
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
    // Where guests may reach each other they do so through the box, which looks at who has agreed (RFC 3069).
    setSysctl(`net/ipv4/conf/${bridge}/proxy_arp_pvlan`, this.guestToGuest ? 1 : 0);
    const commands = [
      `link set ${bridge} up`,
      `addr replace ${ipv4.address}/${ipv4.prefix} dev ${bridge}`,
      `addr replace ${ipv6.address}/${ipv6.prefix} dev ${bridge} nodad`,
    ];
    await run(["ip", "-batch", "-"], { input: `${commands.join("\n")}\n` });
    await this.attachPorts();
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
    if (missing.length > 0) {
      const commands = missing.map((port) => `link set ${port} master ${bridge} up`);
      await run(["ip", "-batch", "-"], { input: `${commands.join("\n")}\n` });
    }
    const changed = bridgePorts(bridge).filter((port) => !isIsolatedPort(port));
    for (const port of changed) {
      // A port has no address of its own: guests must not meet the box there.
      setSysctl(`net/ipv6/conf/${port}/disable_ipv6`, 1);
      await run(["bridge", "link", "set", "dev", port, "isolated", "on"]);
    }
    return [...new Set([...missing, ...changed])];
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
