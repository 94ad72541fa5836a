import { isIP, isIPv4 } from "node:net";
import type { NftCommand } from "../../host/nft.ts";
import { GUEST_LINK, type LeaseNames, leaseNames } from "../guest-link.ts";
import { EgressError } from "./egress-error.ts";
import { linkGuard } from "./link-guard.ts";
import type { Offence } from "./offence.ts";
import { passage } from "./passage.ts";
import { type Bandwidth, tapShaping, tunnelShaping } from "./shaping.ts";

/** The box's end of a requester's tunnel. */
export interface EgressTunnel {
  /** The box's own for this lease, base64. */
  privateKey: string;
  /** The requester's, base64. */
  peerKey: string;
  /** Where the requester listens, IPv4 or IPv6; undefined: it comes to the box. */
  endpoint: { address: string; port: number } | undefined;
  /** The machine's address inside, IPv4. */
  address: string;
  /** A resolver inside, IPv4. */
  dns: string | undefined;
  /** UDP port of the box; undefined: one that the kernel chooses. */
  listenPort?: number;
}

export interface EgressRequest {
  /** Its id: hexadecimal digits. */
  lease: string;
  tunnel: EgressTunnel;
  limits: Bandwidth & { newConnectionsPerS: number };
  /** Offences of which the first cuts the machine off in the kernel. */
  punishment: { cutOn: readonly Offence[] };
  /** The box's own networks and those around it, "192.168.1.0/24": no machine may even try to reach them. */
  forbidden: readonly string[];
  /** Of a machine that was started ahead of its lease: its names are its own. */
  names?: LeaseNames;
}

/** What of a machine's egress can be made before anybody has asked for the machine. */
export interface EgressGround {
  names: LeaseNames;
  /** Kernel parameters of the namespace, written before any interface is in it. */
  parameters: readonly (readonly [name: string, value: string])[];
  /** `ip -batch` in the namespace, once the tunnel's interface is in it, without keys: nothing passes it yet. */
  tunnelLink: readonly string[];
  /** `ip -batch` in the namespace, once the TAP is in it: the first line while it is down, the others when it is up. */
  tapLink: readonly string[];
}

/** What makes a machine's egress, in the order in which it is made. */
export interface EgressPlan extends EgressGround {
  /** What passes the namespace (inet): stands before the tunnel has keys and before the TAP is there. */
  passage: readonly NftCommand[];
  /** Parameters that are there only once connections are tracked. */
  trackingParameters: readonly (readonly [name: string, value: string])[];
  tunnel: Pick<EgressTunnel, "privateKey" | "peerKey" | "endpoint" | "listenPort">;
  /** The filter on the TAP (netdev), before it is up. */
  guard: readonly NftCommand[];
  /** `tc -batch` in the namespace, for each interface. */
  tunnelShaping: readonly string[];
  tapShaping: readonly string[];
}

const PARAMETERS = [
  ["net/ipv6/conf/all/disable_ipv6", "1"],
  ["net/ipv6/conf/default/disable_ipv6", "1"],
  ["net/ipv4/ip_forward", "1"],
  // Both, as the greater of "all" and the interface's holds, and an interface takes "default" when it comes.
  ["net/ipv4/conf/all/rp_filter", "1"],
  ["net/ipv4/conf/default/rp_filter", "1"],
  ["net/ipv4/conf/all/accept_redirects", "0"],
  ["net/ipv4/conf/default/accept_redirects", "0"],
  ["net/ipv4/conf/all/send_redirects", "0"],
  ["net/ipv4/conf/default/send_redirects", "0"],
  ["net/ipv4/conf/all/accept_source_route", "0"],
  ["net/ipv4/conf/default/accept_source_route", "0"],
  ["net/ipv4/conf/all/arp_ignore", "1"],
  // Fragments that wait for the rest, bytes; the lower first, as it may not be above the other.
  ["net/ipv4/ipfrag_low_thresh", "196608"],
  ["net/ipv4/ipfrag_high_thresh", "262144"],
] as const;

/** Seconds. The kernel's five days would let a machine's table fill up with what it has long forgotten. */
const TRACKING_PARAMETERS = [
  ["net/netfilter/nf_conntrack_tcp_timeout_established", "7200"],
  ["net/netfilter/nf_conntrack_generic_timeout", "60"],
] as const;

export function planGround(names: LeaseNames): EgressGround {
  const { guestMacAddress, gatewayMacAddress, guestAddress, gatewayAddress, prefixLength, mtu } = GUEST_LINK;
  return {
    names,
    parameters: PARAMETERS,
    tunnelLink: [
      // No address: the machine's own is given to what it sends, and the namespace itself sends nothing by it.
      `link set ${names.tunnel} addrgenmode none mtu ${GUEST_LINK.mtu}`,
      `link set ${names.tunnel} up`,
      `route add default dev ${names.tunnel}`,
    ],
    tapLink: [
      `link set ${names.tap} addrgenmode none address ${gatewayMacAddress} mtu ${mtu}`,
      `addr add ${gatewayAddress}/${prefixLength} dev ${names.tap}`,
      // The machine says who it is to nobody: there is nobody else.
      `neigh replace ${guestAddress} lladdr ${guestMacAddress} dev ${names.tap} nud permanent`,
    ],
  };
}

/**
 * The egress of one virtual machine: a namespace with its TAP and its tunnel. There is no route to an uplink in it, so
 * that without the tunnel nothing leaves, whatever the rules say; the rules are the second layer.
 * @throws {EgressError} by the name of a field that cannot be
 */
export function planEgress(request: EgressRequest): EgressPlan {
  const { tunnel, limits, forbidden, punishment } = request;
  checkRequest(request);
  const names = request.names ?? leaseNames(request.lease);
  return {
    ...planGround(names),
    passage: passage({
      tap: names.tap,
      tunnel: names.tunnel,
      address: tunnel.address,
      newConnectionsPerS: limits.newConnectionsPerS,
    }),
    trackingParameters: TRACKING_PARAMETERS,
    tunnel,
    guard: linkGuard({
      tap: names.tap,
      forbidden,
      dns: tunnel.dns,
      cutOn: punishment.cutOn,
    }),
    tunnelShaping: tunnelShaping(names.tunnel, limits),
    tapShaping: tapShaping(names.tap, limits),
  };
}

/** These end in commands for the kernel: nothing else may be in them. */
function checkRequest({ tunnel, limits, forbidden }: EgressRequest): void {
  const key = /^[A-Za-z0-9+/]{43}=$/;
  if (!key.test(tunnel.privateKey)) throw new EgressError("tunnel.privateKey", "is no key of WireGuard's");
  if (!key.test(tunnel.peerKey)) throw new EgressError("tunnel.peerKey", "is no key of WireGuard's");
  const { endpoint, listenPort } = tunnel;
  if (endpoint !== undefined && (isIP(endpoint.address) === 0 || !isPort(endpoint.port)))
    throw new EgressError("tunnel.endpoint", "is no address with a UDP port");
  if (listenPort !== undefined && !isPort(listenPort))
    throw new EgressError("tunnel.listenPort", `${listenPort} is no UDP port`);
  for (const field of ["address", "dns"] as const) {
    const address = tunnel[field];
    if (field === "dns" && address === undefined) continue;
    if (address === undefined || !isIPv4(address) || isNobodys(address))
      throw new EgressError(`tunnel.${field}`, `${address} is no address of a host (IPv4)`);
    if (address === GUEST_LINK.gatewayAddress)
      throw new EgressError(`tunnel.${field}`, `${address} is the box's own on the machine's link`);
  }
  for (const field of ["upKbit", "downKbit", "newConnectionsPerS"] as const) {
    const limit = limits[field];
    if (field !== "newConnectionsPerS" && limit === undefined) continue;
    if (!Number.isInteger(limit) || Number(limit) < 1 || Number(limit) > 100_000_000)
      throw new EgressError(`limits.${field}`, `${limit} is no whole number from 1 to 100,000,000`);
  }
  for (const [index, network] of forbidden.entries()) {
    const [address = "", length = "", ...rest] = network.split("/");
    const isNetwork =
      isIPv4(address) && /^\d{1,2}$/.test(length) && Number(length) <= 32 && Number(length) > 0;
    if (!isNetwork || rest.length > 0)
      throw new EgressError(`forbidden[${index}]`, `${network} is no network (IPv4)`);
  }
}

const isPort = (port: number): boolean => Number.isInteger(port) && port > 0 && port <= 65_535;

/** RFC 6890: this host, loopback, link-local, multicast and what is reserved. */
function isNobodys(address: string): boolean {
  const [first = 0, second = 0] = address.split(".").map(Number);
  return first === 0 || first === 127 || first >= 224 || (first === 169 && second === 254);
}
