import {
  accept,
  anyOf,
  count,
  match,
  meta,
  type NftCommand,
  type NftExpression,
  type NftStatement,
  payload,
} from "../../host/nft.ts";
import { RELAY_MARK, RELAY_MARK_MASK } from "../tunnels/relay-ruleset.ts";
import { CLASS_TRAITS, classId, TRAFFIC_CLASSES, type TrafficClass } from "./traffic-class.ts";

export const TRAFFIC_TABLE = "omerta_traffic";

/** What tells the classes apart. Ports are the box's own, as it is bound to them. */
export interface Marking {
  /** Interfaces whose packets are marked on their way out. */
  readonly links: readonly string[];
  /** Those of them on which the gateway's own marks for single guests are kept, with these marks ("1:11" …). */
  readonly guestLinks: readonly string[];
  readonly guestClasses: readonly string[];
  /** The guest network's bridge, "" where there is none. */
  readonly guestBridge: string;
  /** Interfaces that virtual machines' traffic comes in by. */
  readonly vmInterfaces: readonly string[];
  readonly ports: TrafficPorts;
  /** UDP ports of WireGuard tunnels that end here. What is relayed is told by the relay's marks. */
  readonly tunnelPorts: readonly number[];
}

export interface TrafficPorts {
  /** UDP: datagrams of the networks. */
  readonly control: readonly number[];
  /** TCP: the networks' streams. */
  readonly messages: readonly number[];
  /** TCP: what is copied in bulk. */
  readonly bulk: readonly number[];
}

const TABLE = { family: "inet", table: TRAFFIC_TABLE };

/** Removes the table, whether it is there or not. */
export const removeMarks: readonly NftCommand[] = [
  { add: { table: { family: "inet", name: TRAFFIC_TABLE } } },
  { delete: { table: { family: "inet", name: TRAFFIC_TABLE } } },
];

/**
 * The table that gives packets their class on the way out, as one transaction that replaces what was there: the code
 * point for cake, Wi-Fi and the next hop, and skb->priority for HTB and pfifo_fast. A guest's or a machine's own code
 * points are overwritten: nobody makes himself urgent. It stands before address translation (postrouting at -150), so
 * that "from this box" can be told by the source address.
 */
export function markRuleset(marking: Marking): NftCommand[] {
  const { links, guestBridge, vmInterfaces, ports, tunnelPorts } = marking;
  const rule = (chain: string, ...expr: NftStatement[]): NftCommand => ({
    add: { rule: { ...TABLE, chain, expr } },
  });
  const chain = (name: string, more = {}): NftCommand => ({ add: { chain: { ...TABLE, name, ...more } } });
  const portSet = (name: string, elem: readonly number[]): NftCommand => ({
    add: { set: { ...TABLE, name, type: "inet_service", ...(elem.length > 0 ? { elem } : {}) } },
  });
  const to = (name: TrafficClass): NftStatement => ({ goto: { target: name } });
  const either = (protocol: string, set: string, name: TrafficClass, ...where: NftStatement[]) =>
    ["sport", "dport"].map((side) =>
      rule("out", match(meta("l4proto"), protocol), match(payload("th", side), set), ...where, to(name)),
    );
  return [
    ...removeMarks,
    { add: { table: { family: "inet", name: TRAFFIC_TABLE } } },
    ...TRAFFIC_CLASSES.map((name): NftCommand => ({ add: { counter: { ...TABLE, name } } })),
    portSet("control_ports", ports.control),
    portSet("message_ports", ports.messages),
    portSet("bulk_ports", ports.bulk),
    portSet("tunnel_ports", tunnelPorts),
    ...TRAFFIC_CLASSES.flatMap((name) => [chain(name), ...classRules(rule, name, marking)]),

    chain("out", { type: "filter", hook: "postrouting", prio: -150, policy: "accept" }),
    rule("out", match(meta("oifname"), nameSet(links), "!="), accept),
    ...(guestBridge === "" ? [] : [rule("out", match(meta("iifname"), guestBridge), to("guests"))]),
    ...(vmInterfaces.length === 0
      ? []
      : [rule("out", match(meta("iifname"), nameSet(vmInterfaces)), to("vm"))]),
    ...either("udp", "@tunnel_ports", "vm"),
    // What is relayed for others has got other ports on its way through, and no connection is tracked for it.
    rule("out", match({ "&": [meta("mark"), RELAY_MARK_MASK] }, RELAY_MARK), to("vm")),
    // Neighbour discovery and multicast groups: without them nothing else goes on.
    rule("out", match(payload("icmpv6", "type"), anyOf(NEIGHBOUR_TYPES)), to("control")),
    rule("out", match(meta("l4proto"), "igmp"), to("control")),
    ...either("udp", "@control_ports", "control", fromThisBox),
    ...either("tcp", "@message_ports", "messages", fromThisBox),
    ...either("tcp", "@bulk_ports", "bulk", fromThisBox),
    ...["ip", "ip6"].map((protocol) =>
      rule("out", match(payload(protocol, "dscp"), anyOf(["cs1", "lephb"])), fromThisBox, to("bulk")),
    ),
    rule("out", to("services")),
  ];
}

const NEIGHBOUR_TYPES = [
  "nd-router-solicit",
  "nd-router-advert",
  "nd-neighbor-solicit",
  "nd-neighbor-advert",
  "mld-listener-query",
  "mld-listener-report",
  "mld2-listener-report",
];

const fromThisBox = match({ fib: { result: "type", flags: ["saddr"] } }, "local");

const nameSet = (names: readonly string[]): NftExpression => anyOf(names);

type RuleOf = (chain: string, ...expr: NftStatement[]) => NftCommand;

/** The chain of one class: counts, and marks. */
function classRules(rule: RuleOf, name: TrafficClass, { guestLinks, guestClasses }: Marking): NftCommand[] {
  const { dscp, minor } = CLASS_TRAITS[name];
  const setDscp = ["ip", "ip6"].map((protocol) =>
    rule(name, match(meta("nfproto"), protocol === "ip" ? "ipv4" : "ipv6"), {
      mangle: { key: payload(protocol, "dscp"), value: dscp },
    }),
  );
  const keepsOwn = name === "guests" && guestLinks.length > 0 && guestClasses.length > 0;
  return [
    ...setDscp,
    rule(name, count(name)),
    ...(keepsOwn
      ? [
          rule(
            name,
            match(meta("oifname"), nameSet(guestLinks)),
            match(meta("priority"), anyOf(guestClasses)),
            accept,
          ),
        ]
      : []),
    rule(name, { mangle: { key: meta("priority"), value: classId(minor) } }),
    rule(name, accept),
  ];
}

/** The transaction that changes the tunnels' ports and nothing else. */
export function tunnelPortCommands(ports: readonly number[]): NftCommand[] {
  const set = { ...TABLE, name: "tunnel_ports" };
  return [
    { flush: { set } },
    ...(ports.length > 0 ? [{ add: { element: { ...set, elem: [...ports] } } }] : []),
  ];
}
