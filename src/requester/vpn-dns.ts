import { readFileSync } from "node:fs";
import { isIPv4 } from "node:net";
import { VPN_DNS_PORT, type VpnPlan } from "./vpn-plan.ts";
import type { VpnDns } from "./vpn-ruleset.ts";

/** The virtual machines' DNS cannot be served. */
export class VpnDnsError extends Error {
  override readonly name = "VpnDnsError";
}

/** systemd-resolved keeps the real resolvers here, and leads programs to itself at 127.0.0.53 (systemd-resolved.service(8)). */
export const RESOLVER_FILES = ["/run/systemd/resolve/resolv.conf", "/etc/resolv.conf"] as const;

/** The resolvers of a file in resolv.conf(5)'s form that packets can be led to: IPv4, and not this machine's loopback. */
export function reachableResolvers(text: string): string[] {
  return text.split("\n").flatMap((line) => {
    const address = /^\s*nameserver\s+(\S+)/.exec(line)?.[1] ?? "";
    return isIPv4(address) && !address.startsWith("127.") ? [address] : [];
  });
}

/**
 * dnsmasq as a forwarder where it is installed, as it follows when the resolvers change; else the kernel leads to the
 * first resolver.
 * @param dnsmasq its path; undefined: not installed
 * @throws {VpnDnsError} when there is neither
 */
export function chooseDns(dnsmasq: string | undefined, read: (path: string) => string = readOr): VpnDns {
  if (dnsmasq !== undefined) return { by: "forwarder" };
  const [address] = RESOLVER_FILES.flatMap((path) => reachableResolvers(read(path)));
  if (address === undefined)
    throw new VpnDnsError(
      "dns: no resolver that a VM could be led to in /etc/resolv.conf; install dnsmasq-base",
    );
  return { by: "resolver", address };
}

/** Arguments of dnsmasq(8) for a forwarder that is there for the tunnel alone, and reads no file of the system's dnsmasq. */
export function forwarderArguments(plan: VpnPlan): string[] {
  return [
    "--conf-file=/dev/null",
    "--keep-in-foreground",
    "--log-facility=-",
    "--pid-file=",
    `--interface=${plan.interface}`,
    "--except-interface=lo",
    "--bind-dynamic",
    `--port=${VPN_DNS_PORT}`,
    "--no-hosts",
    "--cache-size=1000",
    // Programs in the virtual machines are strangers: no more than this many questions at a time.
    "--dns-forward-max=100",
    `--resolv-file=${RESOLVER_FILES[1]}`,
  ];
}

function readOr(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
