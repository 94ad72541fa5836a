import {
  accept,
  anyOf,
  concat,
  count,
  drop,
  forEach,
  match,
  meta,
  type NftCommand,
  type NftExpression,
  type NftStatement,
  payload,
  prefix,
} from "../../host/nft.ts";
import { GUEST_LINK } from "../guest-link.ts";
import { egressTable, goto, show } from "./egress-table.ts";
import { markOf, type Offence } from "./offence.ts";

/** Of the offences those that a frame on the link shows. */
export const LINK_OFFENCES = [
  "mac",
  "arp",
  "ipv6",
  "ethertype",
  "malformed",
  "source",
  "destination",
] as const satisfies readonly Offence[];

/** Sets with what was tried: who, whither, and how often. Bounded: who tries more is known well enough. */
export const EVIDENCE_SETS = {
  /** Mark, source, destination, protocol, destination port. */
  flows: ["mark", "ipv4_addr", "ipv4_addr", "inet_proto", "inet_service"],
  /** Mark, source, destination, protocol: what has no ports, or is a later fragment. */
  packets: ["mark", "ipv4_addr", "ipv4_addr", "inet_proto"],
  packets6: ["mark", "ipv6_addr", "ipv6_addr", "inet_proto"],
  /** Mark, source, destination, ethertype. */
  frames: ["mark", "ether_addr", "ether_addr", "ether_type"],
} as const;

const EVIDENCE_SIZE = 512;
const EVIDENCE_TIMEOUT_S = 600;

/** What nobody may send to, whoever serves the tunnel (RFC 6890): this host, loopback, link-local, multicast and beyond. */
const NOBODYS = [
  prefix("0.0.0.0", 8),
  prefix("127.0.0.0", 8),
  prefix("169.254.0.0", 16),
  prefix("224.0.0.0", 3),
];
/** The guest link's own network. Nothing on it serves anything; ARP is all that is answered. */
const GUEST_NETWORK = prefix("10.0.2.0", GUEST_LINK.prefixLength);

/** Router solicitation, multicast listener reports and done (RFC 4861, 2710, 3810). */
const HARMLESS_ICMPV6 = [133, 131, 132, 143];
/** Neighbour solicitation; one without a source asks whether its own address is taken (RFC 4862 section 5.4). */
const SOLICITATION = 135;

const isType = (type: string): NftStatement => match(payload("ether", "type"), type);
const fromGuest = match(payload("ether", "saddr"), GUEST_LINK.guestMacAddress);
const toGateway = match(payload("ether", "daddr"), GUEST_LINK.gatewayMacAddress);
const counted: NftStatement = { counter: null };

export interface LinkGuard {
  tap: string;
  /** Networks of the box and those around it, "192.168.1.0/24". */
  forbidden: readonly string[];
  /** A resolver that may be asked although it is in one of `forbidden`: the tunnel's. */
  dns: string | undefined;
  /** The first of these cuts the machine off, in the kernel, with this very packet. */
  cutOn: readonly Offence[];
}

/**
 * The filter on a virtual machine's link: ingress, so that nothing of the kernel's own sees a frame before it (not
 * ARP, not a bridge, not a packet socket's answerer). What is not named is dropped, counted, and kept as evidence.
 * Needs the TAP in the namespace.
 */
export function linkGuard({ tap, forbidden, dns, cutOn }: LinkGuard): NftCommand[] {
  const t = egressTable("netdev");
  const refuseAs = (offence: Offence, ...when: NftStatement[]) =>
    t.rule("in", ...when, goto(`rogue_${offence}`));
  return [
    ...t.replace,
    ...["accepted", "noise", "jailed", ...LINK_OFFENCES].map((name) => t.counter(name)),
    t.set("jail", "iface_index", { size: 4 }),
    t.set("forbidden", "ipv4_addr", {
      flags: ["interval"],
      "auto-merge": true,
      elem: [...NOBODYS, GUEST_NETWORK, ...forbidden.map(asPrefix)],
    }),
    ...Object.entries(EVIDENCE_SETS).map(([name, type]) =>
      t.set(name, [...type], {
        size: EVIDENCE_SIZE,
        flags: ["timeout"],
        timeout: EVIDENCE_TIMEOUT_S,
      }),
    ),
    ...evidenceChains(cutOn),

    t.base("in", { type: "filter", hook: "ingress", dev: tap, prio: -500, policy: "drop" }),
    t.rule("in", match(meta("iif"), "@jail"), count("jailed"), drop),
    ...noiseRules(),
    refuseAs("mac", match(payload("ether", "saddr"), GUEST_LINK.guestMacAddress, "!=")),
    t.rule("in", ...allowedArp(), accept),
    refuseAs("arp", isType("arp")),
    refuseAs("ipv6", isType("ip6")),
    refuseAs("ethertype", match(payload("ether", "type"), "ip", "!=")),
    refuseAs("malformed", match(payload("ip", "version"), 4, "!=")),
    refuseAs("malformed", match(payload("ip", "hdrlength"), 5, "!=")),
    refuseAs("source", match(payload("ip", "saddr"), GUEST_LINK.guestAddress, "!=")),
    ...(dns === undefined
      ? []
      : [
          t.rule("in", toGateway, match(payload("ip", "daddr"), dns), wholeHeader, count("accepted"), accept),
        ]),
    refuseAs("destination", match(payload("ip", "daddr"), "@forbidden")),
    refuseAs("mac", match(payload("ether", "daddr"), GUEST_LINK.gatewayMacAddress, "!=")),
    t.rule(
      "in",
      match(payload("ip", "saddr"), GUEST_LINK.guestAddress),
      wholeHeader,
      count("accepted"),
      accept,
    ),
    // A field that is not there matches neither what it is to be nor what it is not to be.
    refuseAs("malformed"),
  ];
}

/** Is known only of packets whose header the kernel found whole (nf_tables_ipv4.h); 255 is no protocol. */
const wholeHeader = match(meta("l4proto"), 255, "!=");

/** What any system sends when its link comes up is dropped in silence. */
function noiseRules(): NftCommand[] {
  const t = egressTable("netdev");
  const isNoise = (...expr: NftStatement[]) => t.rule("in", fromGuest, ...expr, count("noise"), drop);
  return [
    isNoise(isType("ip6"), match(payload("icmpv6", "type"), anyOf(HARMLESS_ICMPV6))),
    isNoise(
      isType("ip6"),
      match(payload("ip6", "saddr"), "::"),
      match(payload("icmpv6", "type"), SOLICITATION),
    ),
    isNoise(
      isType("ip"),
      match(payload("ip", "saddr"), "0.0.0.0"),
      match(payload("ip", "daddr"), "255.255.255.255"),
      match(payload("udp", "sport"), 68),
      match(payload("udp", "dport"), 67),
    ),
  ];
}

/** About the gateway's address and its own (a probe for a duplicate has no source; RFC 5227), in its own name. */
function allowedArp(): NftStatement[] {
  const { guestMacAddress, gatewayMacAddress, guestAddress, gatewayAddress } = GUEST_LINK;
  return [
    isType("arp"),
    match(payload("ether", "daddr"), anyOf([gatewayMacAddress, "ff:ff:ff:ff:ff:ff"])),
    match(payload("arp", "htype"), 1),
    match(payload("arp", "ptype"), 0x0800),
    match(payload("arp", "hlen"), 6),
    match(payload("arp", "plen"), 4),
    match(payload("arp", "saddr ether"), guestMacAddress),
    match(payload("arp", "saddr ip"), anyOf([guestAddress, "0.0.0.0"])),
    match(payload("arp", "daddr ip"), anyOf([gatewayAddress, guestAddress])),
  ];
}

/** One chain an offence that counts and marks, then one that keeps what was tried, then the end of the packet. */
function evidenceChains(cutOn: readonly Offence[]): NftCommand[] {
  const t = egressTable("netdev");
  const keep = (set: keyof typeof EVIDENCE_SETS, when: NftStatement[], ...key: NftExpression[]) =>
    t.rule("evidence", ...when, forEach(set, concat(meta("mark"), ...key), counted));
  const [isIpv4, isIpv6] = [match(meta("protocol"), "ip"), match(meta("protocol"), "ip6")];
  const addresses = [payload("ip", "saddr"), payload("ip", "daddr"), meta("l4proto")];
  return [
    t.chain("evidence"),
    // Each by itself: a set that is full ends the rule, and the packet must be dropped all the same.
    keep(
      "flows",
      [isIpv4, match(meta("l4proto"), anyOf(["tcp", "udp"]))],
      ...addresses,
      payload("th", "dport"),
    ),
    keep("packets", [isIpv4, match(meta("l4proto"), anyOf(["tcp", "udp"]), "!=")], ...addresses),
    keep("packets6", [isIpv6], payload("ip6", "saddr"), payload("ip6", "daddr"), meta("l4proto")),
    keep("frames", [], payload("ether", "saddr"), payload("ether", "daddr"), payload("ether", "type")),
    show(t, "evidence"),
    t.rule("evidence", drop),
    ...LINK_OFFENCES.flatMap((offence) => [
      t.chain(`rogue_${offence}`),
      ...(cutOn.includes(offence) ? [t.rule(`rogue_${offence}`, forEach("jail", meta("iif")))] : []),
      t.rule(
        `rogue_${offence}`,
        count(offence),
        { mangle: { key: meta("mark"), value: markOf(offence) } },
        goto("evidence"),
      ),
    ]),
  ];
}

function asPrefix(network: string): NftExpression {
  const [address = "", length = "32"] = network.split("/");
  return prefix(address, Number(length));
}
