import { type GuestNetwork, PORTS, SPOOFED_IPV4, SPOOFED_IPV6 } from "./guest-network.ts";
import { hostsOf, PROBE_FAMILIES } from "./probe-families.ts";

/** Windows asks for this name and wants this address before it says that it is online (NCSI). */
const NCSI_NAME = "dns.msftncsi.com";
const NCSI_IPV4 = "131.107.255.255";
const NCSI_IPV6 = "fd3e:4f5a:5b81::1";

/**
 * Names that must not exist: they turn encrypted DNS and relays off, which would go round the portal
 * (support.mozilla.org/kb/canary-domain-use-application-dnsnet, RFC 9462, developer.apple.com iCloud Private Relay).
 */
const CANARY_NAMES = ["use-application-dns.net", "resolver.arpa", "mask.icloud.com", "mask-h2.icloud.com"];

export interface DnsmasqPaths {
  leases: string;
  /** Called by dnsmasq with `add|old|del MAC ADDRESS` on every lease event. */
  leaseScript: string;
}

export interface CommunityDns {
  /** Forward to these servers' file (resolv.conf format); undefined: nothing is forwarded. */
  resolvFile: string | undefined;
  /** Guests' phones are told that they are online, with things as they are. */
  toldOnline: boolean;
}

function common(net: GuestNetwork): string[] {
  return [
    "keep-in-foreground",
    "log-facility=-",
    "pid-file=",
    `interface=${net.bridge}`,
    "except-interface=lo",
    "bind-dynamic",
    "no-hosts",
    "local-ttl=1",
    "cache-size=1000",
    ...CANARY_NAMES.map((name) => `address=/${name}/`),
  ];
}

function spoof(names: readonly string[]): string[] {
  return names.flatMap((name) => [
    `local=/${name}/`,
    `address=/${name}/${SPOOFED_IPV4}`,
    `address=/${name}/${SPOOFED_IPV6}`,
  ]);
}

/**
 * The dnsmasq that newcomers meet: DHCP, router advertisements, and a DNS that knows one answer and forwards nothing
 * to nobody (dnsmasq(8)).
 * @param portalApiUrl what RFC 8910 advertises; only with a certificate that phones will accept
 */
export function captiveDnsmasqConf(net: GuestNetwork, paths: DnsmasqPaths, portalApiUrl?: string): string {
  const { ipv4, ipv6 } = net;
  const netmask = ipv4Mask(ipv4.prefix);
  const lines = [
    ...common(net),
    `port=${PORTS.captiveDns}`,
    "no-resolv",
    ...spoof(["#"]),
    "dhcp-authoritative",
    "dhcp-rapid-commit",
    // Guests cannot answer a ping from another guest's address: asking first would only cost every newcomer 3 s.
    "no-ping",
    `dhcp-lease-max=${ipv4.poolSize}`,
    `dhcp-leasefile=${paths.leases}`,
    `dhcp-script=${paths.leaseScript}`,
    "script-on-renewal",
    `dhcp-range=${ipv4.first},${ipv4.last},${netmask},${net.leaseSeconds}s`,
    `dhcp-option=option:router,${ipv4.address}`,
    `dhcp-option=option:dns-server,${ipv4.address}`,
    "enable-ra",
    `ra-param=${net.bridge},30,600`,
    `dhcp-range=${ipv6.network},ra-stateless,64,${net.leaseSeconds}s`,
  ];
  if (portalApiUrl !== undefined) {
    // Forced: Android reads option 114 without asking for it in every version.
    lines.push(`dhcp-option-force=114,${portalApiUrl}`, `dhcp-option=option6:103,${portalApiUrl}`);
  }
  return `${lines.join("\n")}\n`;
}

/** The dnsmasq of guests who have agreed. */
export function communityDnsmasqConf(
  net: GuestNetwork,
  dns: CommunityDns,
  portalHosts: readonly string[],
): string {
  const lines = [...common(net), `port=${PORTS.communityDns}`];
  if (dns.resolvFile === undefined) {
    lines.push("no-resolv", ...spoof(["#"]));
  } else {
    lines.push(`resolv-file=${dns.resolvFile}`, "stop-dns-rebind", "domain-needed", "bogus-priv");
    lines.push(...spoof(portalHosts));
  }
  // With an uplink and leave to use it, the probes find the truth by themselves.
  if (!dns.toldOnline) lines.push(...noInternet());
  else if (dns.resolvFile === undefined) lines.push(...ncsi());
  return `${lines.join("\n")}\n`;
}

/** A name that does not resolve is "no internet" for every family; those that would disconnect then meet the portal. */
function noInternet(): string[] {
  const families = (offline: "fail" | "portal") =>
    PROBE_FAMILIES.filter((family) => family.offline === offline);
  return [
    ...families("fail")
      .flatMap(hostsOf)
      .map((host) => `address=/${host}/`),
    ...spoof(families("portal").flatMap(hostsOf)),
  ];
}

function ncsi(): string[] {
  return [`address=/${NCSI_NAME}/${NCSI_IPV4}`, `address=/${NCSI_NAME}/${NCSI_IPV6}`];
}

function ipv4Mask(prefix: number): string {
  const bits = 2 ** 32 - 2 ** (32 - prefix);
  return [24, 16, 8, 0].map((shift) => Math.floor(bits / 2 ** shift) % 256).join(".");
}
