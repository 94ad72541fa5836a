import { canonicalIp, isInPrefix } from "../../host/ip-address.ts";
import { remembering } from "../../host/remembering.ts";
import type { LocalInterface, LocalSighting } from "./discovery-interface.ts";
import type { Announcement } from "./sealed-announcement.ts";

/** How far an address reaches (RFC 6890 and the registries that it made). */
export type AddressScope = "public" | "private" | "link-local" | "loopback" | "multicast" | "unusable";

/** First match counts. Documentation networks (RFC 5737, 3849) pass for public: nothing is there but in labs. */
const SCOPES: readonly (readonly [prefix: string, scope: AddressScope])[] = [
  ["0.0.0.0/8", "unusable"],
  ["127.0.0.0/8", "loopback"],
  ["169.254.0.0/16", "link-local"],
  ["10.0.0.0/8", "private"],
  ["172.16.0.0/12", "private"],
  ["192.168.0.0/16", "private"],
  // RFC 6598: between a subscriber and the carrier's NAT; neighbours of one carrier may reach each other.
  ["100.64.0.0/10", "private"],
  ["224.0.0.0/4", "multicast"],
  ["240.0.0.0/4", "unusable"],
  ["::1/128", "loopback"],
  ["fe80::/10", "link-local"],
  ["fc00::/7", "private"],
  ["ff00::/8", "multicast"],
  // An IPv4 address within: it would get round every rule for IPv4 (NAT64, RFC 6052 and 8215; 6to4, RFC 3056; Teredo, RFC 4380).
  ["64:ff9b::/96", "unusable"],
  ["64:ff9b:1::/48", "unusable"],
  ["2002::/16", "unusable"],
  ["2001::/32", "unusable"],
  ["2000::/3", "public"],
];

/** The scope of an address; a zone does not count. `unusable` also for what is no address. */
export const addressScope = remembering((address: string): AddressScope => {
  const plain = canonicalIp(address);
  if (plain === undefined) return "unusable";
  const scope = SCOPES.find(([prefix]) => isInPrefix(plain, prefix))?.[1];
  return scope ?? (plain.includes(":") ? "unusable" : "public");
});

const plainAddresses = (link: LocalInterface): string[] =>
  link.addresses.flatMap((text) => canonicalIp(text.split("/")[0] ?? "") ?? []);

const isUsed = ({ up, kind }: LocalInterface): boolean => up && (kind === "ethernet" || kind === "radio");

/**
 * Own addresses that members at a distance are told of, public ones first: those of the interfaces that the mesh uses,
 * neither loopback nor link-local (which mean nothing elsewhere, or somebody else) nor those of tunnels and of the guests' network,
 * whose interfaces are not among `interfaces` (see `localInterfaces`).
 *
 * Private ones (RFC 1918, 4193, 6598) are told to every member, as host candidates in ICE (RFC 8445) and endpoints in
 * Tailscale's magicsock are: two boxes behind one NAT, or in two networks with a route between, find the short way by
 * them alone, and neither can know beforehand. It reveals to the members of this network, and to nobody else, how the
 * networks are numbered that the box is in; a box in several networks shows each of them the same
 * addresses, so that who is a member of two can tell that it is one box.
 */
export function addressesForMembers(interfaces: readonly LocalInterface[]): string[] {
  const all = new Set(interfaces.filter(isUsed).flatMap(plainAddresses));
  const reach = (scope: AddressScope) => [...all].filter((address) => addressScope(address) === scope);
  return [...reach("public"), ...reach("private")];
}

export interface Ports {
  /** 0: does not listen. */
  tcp: number;
  ws: number;
}

/**
 * Multiaddrs of one network's listeners at these addresses: plain TCP first, then WebSockets, which are dialled by a URL and
 * so have no zone.
 * @param zone for link-local IPv6 (RFC 4007)
 */
export function multiaddrsOf(addresses: readonly string[], ports: Ports, zone?: string): string[] {
  const heads = addresses.map((address) => {
    if (!address.includes(":")) return `/ip4/${address}`;
    const isZoned = zone !== undefined && addressScope(address) === "link-local";
    return `${isZoned ? `/ip6zone/${zone}` : ""}/ip6/${address}`;
  });
  return [
    ...(ports.tcp === 0 ? [] : heads.map((head) => `${head}/tcp/${ports.tcp}`)),
    ...(ports.ws === 0
      ? []
      : heads.filter((head) => !head.startsWith("/ip6zone/")).map((head) => `${head}/tcp/${ports.ws}/ws`)),
  ];
}

/**
 * What an announcement that came in by `link` says, as far as it can be so: addresses of this very link which are not
 * our own. So whoever lies makes us dial this link at most. Undefined when nothing is left.
 */
export function sightingOf(
  announcement: Announcement,
  peer: string,
  link: LocalInterface,
): LocalSighting | undefined {
  const own = new Set(plainAddresses(link));
  const isHere = (address: string): boolean => {
    const scope = addressScope(address);
    if (link.kind === "loopback") return scope === "loopback" && !address.includes(":");
    if (own.has(address) || scope === "loopback" || scope === "multicast" || scope === "unusable")
      return false;
    if (scope === "link-local" && address.includes(":")) return true;
    return link.addresses.some((text) => isInPrefix(address, text));
  };
  const addresses = announcement.addresses.flatMap((text) => canonicalIp(text) ?? []).filter(isHere);
  const [first, rest] = [
    addresses.filter((address) => addressScope(address) === "link-local"),
    addresses.filter((address) => addressScope(address) !== "link-local"),
  ];
  const ports = { tcp: announcement.tcpPort, ws: announcement.wsPort };
  const multiaddrs = multiaddrsOf([...first, ...rest], ports, link.name);
  if (multiaddrs.length === 0) return undefined;
  return { peer, addresses: multiaddrs, udpPort: announcement.udpPort, interface: link.name };
}
