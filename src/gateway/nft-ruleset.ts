import type { Config } from "../config/index.ts";
import {
  accept,
  anyOf,
  concat,
  count,
  ct,
  dnat,
  drop,
  forEach,
  jump,
  masquerade,
  match,
  meta,
  type NftCommand,
  type NftExpression,
  type NftStatement,
  over,
  overBytesEach,
  overConnectionsEach,
  payload,
  prefix,
  rejectProhibited,
  resetTcp,
  within,
} from "../host/nft.ts";
import { type GuestNetwork, PORTS, SPOOFED_IPV4, SPOOFED_IPV6 } from "./guest-network.ts";
import { GUEST_CLASSES, guestClass, priorityOf } from "./shaping.ts";

export const NFT_TABLE = "omerta_guest";

/** A guest whom the kernel lets through, with how long still. */
export interface Admitted {
  mac: string;
  /** "" for a guest with IPv6 alone. */
  ipv4: string;
  seconds: number;
}

/** What the ruleset is made from. */
export interface RulesetPlan {
  net: GuestNetwork;
  limits: Config["gateway"]["limits"];
  guestRateKbit: number;
  guestToGuest: boolean;
  /** The interface by which guests may leave, while there is a way out; undefined otherwise. */
  uplink: string | undefined;
  blockPrivate: boolean;
  /** TLS is served to guests (RFC 8908 wants it). */
  tls: boolean;
  services: readonly { port: number; protocol: "tcp" | "udp" }[];
}

/** Private and special networks that guests may not reach through an uplink. */
const PRIVATE_IPV4 = [
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.168.0.0", 16],
] as const;
const PRIVATE_IPV6 = [
  ["fc00::", 7],
  ["fe80::", 10],
] as const;

const mac = payload("ether", "saddr");
const ipv4Source = payload("ip", "saddr");
const ipv6Source = payload("ip6", "saddr");
const port = payload("th", "dport");
const isTcp = match(meta("l4proto"), "tcp");
const isUdp = match(meta("l4proto"), "udp");
const isIpv4 = match(meta("nfproto"), "ipv4");
const isIpv6 = match(meta("nfproto"), "ipv6");
const isNew = match(ct("state"), "new", "in");
const isAnswer = match(ct("state"), anyOf(["established", "related"]));
const wasTranslated = match(ct("status"), "dnat", "in");

/** Neighbour discovery and multicast listening, without which IPv6 does not work (RFC 4890 section 4.4.1). */
const NEIGHBOUR_DISCOVERY = [
  "nd-router-solicit",
  "nd-neighbor-solicit",
  "nd-neighbor-advert",
  "mld-listener-query",
  "mld-listener-report",
  "mld2-listener-report",
];

/**
 * The whole firewall of the guest network as one transaction that replaces whatever was there.
 *
 * Invariants: a guest's packet passes only by a rule that names what it may reach; sessions are looked up for every
 * packet, not for the first of a connection, so that nothing outlives its session; the tables touch no traffic but
 * that of the guest bridge.
 *
 * IPv4 sessions are MAC and address. For IPv6 they are MAC and guest prefix, because phones change their addresses
 * by themselves (RFC 8981).
 */
export function nftRuleset(plan: RulesetPlan, admitted: readonly Admitted[]): NftCommand[] {
  return [...inetTable(plan, admitted), ...arpTable(plan)];
}

/** Lets guests through; those who are there already get the new time. */
export function admitCommands(admitted: readonly Admitted[]): NftCommand[] {
  return [...expelCommands(admitted), ...setElements("add", admitted)];
}

/** Takes guests out. Added first, because deleting an element that the kernel has just timed out would fail the transaction. */
export function expelCommands(guests: readonly Pick<Admitted, "mac" | "ipv4">[]): NftCommand[] {
  const elements = guests.map((guest) => ({ ...guest, seconds: 60 }));
  return [...setElements("add", elements), ...setElements("delete", elements)];
}

function setElements(verb: "add" | "delete", guests: readonly Admitted[]): NftCommand[] {
  if (guests.length === 0) return [];
  const element = (set: string, elem: unknown[]) => ({
    [verb]: { element: { family: "inet", table: NFT_TABLE, name: set, elem } },
  });
  const withIpv4 = guests.filter((guest) => guest.ipv4 !== "");
  return [
    ...(withIpv4.length > 0 ? [element("released_ipv4", withIpv4.map(ipv4Element))] : []),
    element("released_mac", guests.map(macElement)),
    element(
      "guest_class",
      guests.map((guest) => (verb === "delete" ? guest.mac : [guest.mac, guestClass(guest.mac)])),
    ),
  ];
}

/** nft refuses an empty list of elements. */
const elements = (elem: readonly unknown[]) => (elem.length > 0 ? { elem } : {});
const ipv4Element = (guest: Admitted) => ({
  elem: { val: { concat: [guest.mac, guest.ipv4] }, timeout: guest.seconds },
});
const macElement = (guest: Admitted) => ({ elem: { val: guest.mac, timeout: guest.seconds } });

function table(family: "inet" | "arp") {
  const at = { family, table: NFT_TABLE };
  return {
    replace: [
      { add: { table: { family, name: NFT_TABLE } } },
      { delete: { table: { family, name: NFT_TABLE } } },
      { add: { table: { family, name: NFT_TABLE } } },
    ] as NftCommand[],
    set: (name: string, type: string | string[], more: Record<string, unknown> = {}): NftCommand => ({
      add: { set: { ...at, name, type, size: 65_535, ...more } },
    }),
    map: (name: string, type: string, map: string, more: Record<string, unknown> = {}): NftCommand => ({
      add: { map: { ...at, name, type, map, ...more } },
    }),
    counter: (name: string): NftCommand => ({ add: { counter: { ...at, name } } }),
    base: (name: string, type: string, hook: string, prio: number): NftCommand => ({
      add: { chain: { ...at, name, type, hook, prio, policy: "accept" } },
    }),
    chain: (name: string): NftCommand => ({ add: { chain: { ...at, name } } }),
    rule: (chain: string, ...expr: NftStatement[]): NftCommand => ({ add: { rule: { ...at, chain, expr } } }),
  };
}

function inetTable(plan: RulesetPlan, admitted: readonly Admitted[]): NftCommand[] {
  const { net, limits } = plan;
  const t = table("inet");
  const fromGuest = match(meta("iifname"), net.bridge);
  const toGuest = match(meta("oifname"), net.bridge);
  const box4 = match(payload("ip", "daddr"), net.ipv4.address);
  const box6 = match(payload("ip6", "daddr"), net.ipv6.address);
  const guestNet4 = prefix(net.ipv4.network, net.ipv4.prefix);
  const guestNet6 = prefix(net.ipv6.network, net.ipv6.prefix);
  const released: NftStatement[][] = [
    [isIpv4, match(concat(mac, ipv4Source), "@released_ipv4")],
    [isIpv6, match(mac, "@released_mac"), match(ipv6Source, anyOf([guestNet6, prefix("fe80::", 10)]))],
  ];
  const forReleased = (chain: string, ...rest: NftStatement[]) =>
    released.map((condition) => t.rule(chain, ...condition, ...rest));
  /** The same rule for both families, each with its own match on the box's address. */
  const forBox = (chain: string, ...rest: NftStatement[]) => [
    t.rule(chain, isIpv4, box4, ...rest),
    t.rule(chain, isIpv6, box6, ...rest),
  ];
  const lead = (
    chain: string,
    condition: NftStatement[],
    to: number,
    daddr?: { ipv4: NftExpression; ipv6: NftExpression },
  ) => [
    t.rule(
      chain,
      isIpv4,
      ...(daddr ? [match(payload("ip", "daddr"), daddr.ipv4)] : []),
      ...condition,
      dnat("ip", net.ipv4.address, to),
    ),
    t.rule(
      chain,
      isIpv6,
      ...(daddr ? [match(payload("ip6", "daddr"), daddr.ipv6)] : []),
      ...condition,
      dnat("ip6", net.ipv6.address, to),
    ),
  ];
  const isDns = [match(meta("l4proto"), anyOf(["tcp", "udp"])), match(port, 53)];
  const isHttp = [isTcp, match(port, 80)];
  const isHttps = [isTcp, match(port, 443)];
  const portal = {
    ipv4: anyOf([SPOOFED_IPV4, net.ipv4.address]),
    ipv6: anyOf([SPOOFED_IPV6, net.ipv6.address]),
  };
  const ports = plan.tls ? anyOf([PORTS.portalHttp, PORTS.portalHttps]) : PORTS.portalHttp;

  return [
    ...t.replace,
    t.set("released_ipv4", ["ether_addr", "ipv4_addr"], {
      flags: ["timeout"],
      ...elements(admitted.filter((guest) => guest.ipv4 !== "").map(ipv4Element)),
    }),
    t.set("released_mac", "ether_addr", {
      flags: ["timeout"],
      ...elements(admitted.map(macElement)),
    }),
    t.map("guest_class", "ether_addr", "mark", {
      ...elements(admitted.map((guest) => [guest.mac, guestClass(guest.mac)])),
    }),
    t.map("class_priority", "mark", "classid", {
      elem: Array.from({ length: GUEST_CLASSES }, (_, index) => [index + 1, priorityOf(index + 1)]),
    }),
    // Stations that have asked for an address within the last two lease times.
    t.set("stations", "ether_addr", { flags: ["timeout"], timeout: 2 * net.leaseSeconds }),
    // Stations that asked with no address yet: they have just joined, this is no renewal (RFC 2131 section 4.3.2).
    t.set("joining", "ether_addr", { flags: ["timeout"], timeout: 20 }),
    ...["dhcp_rate", "nd_rate", "dns_rate", "connection_rate", "up_rate"].map((name) =>
      t.set(name, "ether_addr", { flags: ["timeout"], timeout: 60 }),
    ),
    t.set("down_rate_ipv4", "ipv4_addr", { flags: ["timeout"], timeout: 60 }),
    t.set("down_rate_ipv6", "ipv6_addr", { flags: ["timeout"], timeout: 60 }),
    t.set("portal_connections", "ether_addr"),
    ...["spoofed_source", "dhcp_flood", "dns_flood", "portal_flood", "refused_to_box", "refused_beyond"].map(
      (name) => t.counter(name),
    ),

    t.base("sources", "filter", "prerouting", -300),
    t.chain("guest_sources"),
    t.rule("sources", fromGuest, jump("guest_sources")),
    t.rule("guest_sources", match(ipv4Source, net.ipv4.address), count("spoofed_source"), drop),
    t.rule(
      "guest_sources",
      isIpv4,
      match(ipv4Source, anyOf([guestNet4, "0.0.0.0"]), "!="),
      count("spoofed_source"),
      drop,
    ),
    t.rule("guest_sources", match(ipv6Source, net.ipv6.address), count("spoofed_source"), drop),
    t.rule(
      "guest_sources",
      isIpv6,
      match(ipv6Source, anyOf([guestNet6, prefix("fe80::", 10), "::"]), "!="),
      count("spoofed_source"),
      drop,
    ),

    t.base("prerouting", "nat", "prerouting", -100),
    t.chain("lead_captive"),
    t.chain("lead_released"),
    ...released.map((condition) => t.rule("prerouting", fromGuest, ...condition, jump("lead_released"))),
    t.rule("prerouting", fromGuest, jump("lead_captive")),
    ...lead("lead_captive", isDns, PORTS.captiveDns),
    ...lead("lead_captive", isHttp, PORTS.portalHttp),
    ...lead("lead_released", isDns, PORTS.communityDns),
    // Without a way out every plain-HTTP address leads to the portal still; with one, only the portal's own.
    ...lead("lead_released", isHttp, PORTS.portalHttp, plan.uplink === undefined ? undefined : portal),
    ...(plan.tls
      ? ["lead_captive", "lead_released"].flatMap((chain) => lead(chain, isHttps, PORTS.portalHttps, portal))
      : []),
    t.rule("lead_released", accept),

    // Refused before routing: a box that does not forward at all would drop in silence, and a phone would wait.
    t.base("beyond", "filter", "prerouting", 0),
    t.chain("guest_beyond"),
    t.rule(
      "beyond",
      fromGuest,
      match({ fib: { result: "type", flags: ["daddr"] } }, "unicast"),
      jump("guest_beyond"),
    ),
    // Bridged frames come by here as well where br_netfilter is loaded.
    ...(plan.guestToGuest
      ? [
          t.rule("guest_beyond", match(payload("ip", "daddr"), guestNet4), accept),
          t.rule("guest_beyond", match(payload("ip6", "daddr"), guestNet6), accept),
        ]
      : []),
    ...(plan.uplink === undefined ? [] : forReleased("guest_beyond", accept)),
    ...refuse(t, "guest_beyond"),

    t.base("input", "filter", "input", 0),
    t.chain("guest_to_box"),
    t.chain("guest_dhcp"),
    t.rule("input", fromGuest, jump("guest_to_box")),
    t.rule("guest_to_box", match(ct("state"), "invalid", "in"), drop),
    t.rule("guest_to_box", isUdp, isIpv4, match(port, 67), jump("guest_dhcp")),
    t.rule("guest_dhcp", forEach("dhcp_rate", mac, over(30, "minute", 30)), count("dhcp_flood"), drop),
    t.rule("guest_dhcp", match(ipv4Source, "0.0.0.0"), forEach("joining", mac)),
    t.rule("guest_dhcp", match(mac, "@stations"), forEach("stations", mac), accept),
    t.rule(
      "guest_dhcp",
      within(net.newcomersPerMinute, "minute", net.newcomersBurst),
      forEach("stations", mac),
      accept,
    ),
    t.rule("guest_dhcp", count("dhcp_flood"), drop),
    t.rule(
      "guest_to_box",
      isIpv6,
      isUdp,
      match(port, 547),
      forEach("dhcp_rate", mac, over(30, "minute", 30)),
      drop,
    ),
    t.rule("guest_to_box", isIpv6, isUdp, match(port, 547), accept),
    t.rule(
      "guest_to_box",
      match(payload("icmpv6", "type"), anyOf(NEIGHBOUR_DISCOVERY)),
      forEach("nd_rate", mac, over(20, "second", 60)),
      drop,
    ),
    t.rule("guest_to_box", match(payload("icmpv6", "type"), anyOf(NEIGHBOUR_DISCOVERY)), accept),
    t.rule(
      "guest_to_box",
      match(meta("l4proto"), anyOf(["icmp", "ipv6-icmp"])),
      match(ct("state"), "related", "in"),
      accept,
    ),

    // Every datagram counts; of TCP every connection does.
    ...[[isUdp], [isTcp, isNew]].map((counted) =>
      t.rule(
        "guest_to_box",
        ...counted,
        match(port, anyOf([PORTS.captiveDns, PORTS.communityDns])),
        forEach("dns_rate", mac, over(limits.dns_per_second, "second", 4 * limits.dns_per_second)),
        count("dns_flood"),
        drop,
      ),
    ),
    ...forBox(
      "guest_to_box",
      match(meta("l4proto"), anyOf(["tcp", "udp"])),
      match(port, PORTS.captiveDns),
      accept,
    ),
    ...forReleased(
      "guest_to_box",
      match(meta("l4proto"), anyOf(["tcp", "udp"])),
      match(port, PORTS.communityDns),
      wasTranslated,
      accept,
    ),

    t.rule(
      "guest_to_box",
      isTcp,
      match(port, ports),
      isNew,
      forEach(
        "connection_rate",
        mac,
        over(limits.connections_per_second, "second", 4 * limits.connections_per_second),
      ),
      count("portal_flood"),
      drop,
    ),
    t.rule(
      "guest_to_box",
      isTcp,
      match(port, ports),
      isNew,
      overConnectionsEach("portal_connections", mac, limits.connections),
      count("portal_flood"),
      resetTcp,
    ),
    ...forBox("guest_to_box", isTcp, match(port, ports), wasTranslated, accept),

    ...plan.services.flatMap((service) => [
      ...released.map((condition, index) =>
        t.rule(
          "guest_to_box",
          ...condition,
          index === 0 ? box4 : box6,
          service.protocol === "tcp" ? isTcp : isUdp,
          match(port, service.port),
          accept,
        ),
      ),
    ]),
    t.rule("guest_to_box", count("refused_to_box")),
    t.rule("guest_to_box", isTcp, resetTcp),
    t.rule("guest_to_box", drop),

    t.base("forward", "filter", "forward", 0),
    t.chain("from_guest"),
    t.chain("to_guest"),
    t.chain("out_by_uplink"),
    t.rule("forward", fromGuest, jump("from_guest")),
    t.rule("forward", toGuest, jump("to_guest")),
    ...(plan.guestToGuest ? [t.rule("from_guest", toGuest, accept)] : []),
    ...(plan.uplink === undefined
      ? []
      : forReleased("from_guest", match(meta("oifname"), plan.uplink), jump("out_by_uplink"))),
    ...refuse(t, "from_guest"),
    ...(plan.blockPrivate ? refusePrivate(t, "out_by_uplink") : []),
    ...(plan.guestRateKbit > 0
      ? [t.rule("out_by_uplink", overBytesEach("up_rate", mac, kbytes(plan)), drop)]
      : []),
    t.rule("out_by_uplink", {
      mangle: { key: ct("mark"), value: { map: { key: mac, data: "@guest_class" } } },
    }),
    t.rule("out_by_uplink", setPriority),
    t.rule("out_by_uplink", accept),
    ...(plan.uplink === undefined ? [] : answersToGuest(t, plan, plan.uplink)),
    t.rule("to_guest", drop),

    ...(plan.uplink === undefined
      ? []
      : [
          t.base("postrouting", "nat", "postrouting", 100),
          t.rule(
            "postrouting",
            match(meta("oifname"), plan.uplink),
            match(ipv4Source, guestNet4),
            masquerade,
          ),
          t.rule(
            "postrouting",
            match(meta("oifname"), plan.uplink),
            match(ipv6Source, guestNet6),
            masquerade,
          ),
        ]),
  ];
}

type Table = ReturnType<typeof table>;

/** The class of a packet's guest, as the queueing disciplines read it (tc-htb(8): skb->priority names a class). */
const setPriority: NftStatement = {
  mangle: { key: meta("priority"), value: { map: { key: ct("mark"), data: "@class_priority" } } },
};

function answersToGuest(t: Table, plan: RulesetPlan, uplink: string): NftCommand[] {
  const back = [match(meta("iifname"), uplink), isAnswer];
  return [
    ...(plan.guestRateKbit > 0
      ? [
          t.rule(
            "to_guest",
            ...back,
            overBytesEach("down_rate_ipv4", payload("ip", "daddr"), kbytes(plan)),
            drop,
          ),
          t.rule(
            "to_guest",
            ...back,
            overBytesEach("down_rate_ipv6", payload("ip6", "daddr"), kbytes(plan)),
            drop,
          ),
        ]
      : []),
    t.rule("to_guest", ...back, setPriority),
    t.rule("to_guest", ...back, accept),
  ];
}

/** A refusal that a phone understands at once: 443 above all must be reset, never led anywhere. */
function refuse(t: Table, chain: string): NftCommand[] {
  return [
    t.rule(chain, count("refused_beyond")),
    t.rule(chain, isTcp, resetTcp),
    t.rule(chain, rejectProhibited),
  ];
}

function refusePrivate(t: Table, chain: string): NftCommand[] {
  const networks = (list: readonly (readonly [string, number])[]) =>
    anyOf(list.map(([addr, len]) => prefix(addr, len)));
  return [
    t.rule(chain, match(payload("ip", "daddr"), networks(PRIVATE_IPV4)), rejectProhibited),
    t.rule(chain, match(payload("ip6", "daddr"), networks(PRIVATE_IPV6)), rejectProhibited),
  ];
}

const kbytes = ({ guestRateKbit }: RulesetPlan) => Math.max(1, Math.ceil(guestRateKbit / 8));

/** ARP from guests: no station may flood the box with it, nor claim the box's own address. */
function arpTable({ net }: RulesetPlan): NftCommand[] {
  const t = table("arp");
  const fromGuest = match(meta("iifname"), net.bridge);
  const sender = payload("arp", "saddr ether");
  return [
    ...t.replace,
    t.set("arp_rate", "ether_addr", { flags: ["timeout"], timeout: 60 }),
    t.base("input", "filter", "input", 0),
    t.rule("input", fromGuest, match(payload("arp", "saddr ip"), net.ipv4.address), drop),
    t.rule("input", fromGuest, forEach("arp_rate", sender, over(10, "second", 30)), drop),
  ];
}
