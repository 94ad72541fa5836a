import {
  accept,
  anyOf,
  ct,
  dnat,
  drop,
  masquerade,
  match,
  meta,
  type NftCommand,
  type NftExpression,
  type NftStatement,
  payload,
  prefix,
  rejectProhibited,
} from "../host/nft.ts";
import { VPN_DNS_PORT, VPN_INTERFACE_PREFIX, type VpnPlan } from "./vpn-plan.ts";

/** Who answers the virtual machines' DNS: a forwarder of ours at the gateway's address, or a resolver that they are led to. */
export type VpnDns = { by: "forwarder" } | { by: "resolver"; address: string };

export interface VpnRules {
  dns: VpnDns;
  /** Where the virtual machines may not go: "192.168.1.0/24". */
  protected: readonly string[];
  /** Interfaces that forward only for our sake: nothing else may be forwarded from there. */
  guarded: readonly string[];
}

/** The name of each requester's interface, as nftables matches beginnings. */
const ANY_VPN = `${VPN_INTERFACE_PREFIX}*`;
/** Netfilter's order (linux/netfilter_ipv4.h): DNAT before the filter, source NAT after it. */
const PRIORITY = { dstnat: -100, filter: 0, srcnat: 100 } as const;

const network = (text: string): NftExpression => {
  const [address = "", length = "32"] = text.split("/");
  return prefix(address, Number(length));
};
const isAnswer = match(ct("state"), anyOf(["established", "related"]), "in");
const isIpv6 = match(meta("nfproto"), "ipv6");
const isTcpOrUdp = match(meta("l4proto"), anyOf(["tcp", "udp"]));
const to = (address: string): NftStatement => match(payload("ip", "daddr"), address);
const toPort = (port: number): NftStatement => match(payload("th", "dport"), port);
const wasAskedAt = (address: string): NftStatement =>
  match({ ct: { key: "ip daddr", dir: "original" } }, address);

/**
 * All rules for the virtual machines' traffic, in one table of our own that touches nobody else's packets: from the tunnel
 * outwards, to the internet alone; to this machine nothing but DNS, pings of the gateway's address and answers. As commands
 * that put the table in the place of the one that is there, in one transaction (libnftables-json(5)).
 */
export function vpnRuleset(plan: VpnPlan, rules: VpnRules): NftCommand[] {
  const at = { family: "inet", table: plan.table };
  const named = { family: "inet", name: plan.table };
  const base = (name: string, type: string, hook: string, prio: number): NftCommand => ({
    add: { chain: { ...at, name, type, hook, prio, policy: "accept" } },
  });
  const rule = (chain: string, ...expr: NftStatement[]): NftCommand => ({
    add: { rule: { ...at, chain, expr } },
  });
  const fromVm = match(meta("iifname"), plan.interface);
  const toVm = match(meta("oifname"), plan.interface);
  const { dns, guarded } = rules;
  return [
    { add: { table: named } },
    { delete: { table: named } },
    { add: { table: named } },
    base("lead", "nat", "prerouting", PRIORITY.dstnat),
    rule("lead", fromVm, to(plan.dns), isTcpOrUdp, toPort(53), leadTo(plan, dns)),

    base("to_us", "filter", "input", PRIORITY.filter),
    rule("to_us", fromVm, isIpv6, drop),
    rule("to_us", fromVm, isAnswer, accept),
    ...(dns.by === "forwarder"
      ? [rule("to_us", fromVm, to(plan.gateway), isTcpOrUdp, toPort(VPN_DNS_PORT), accept)]
      : []),
    rule("to_us", fromVm, to(plan.gateway), match(payload("icmp", "type"), "echo-request"), accept),
    rule("to_us", fromVm, rejectProhibited),
    // Linux answers for all its addresses on every interface: neighbours are not to use the forwarder.
    rule("to_us", match(meta("iifname"), anyOf([plan.interface, "lo"]), "!="), to(plan.gateway), drop),

    base("beyond", "filter", "forward", PRIORITY.filter),
    rule("beyond", fromVm, isIpv6, drop),
    rule("beyond", fromVm, match(meta("oifname"), ANY_VPN), drop),
    rule("beyond", fromVm, match(payload("ip", "saddr"), network(plan.network), "!="), drop),
    ...(dns.by === "resolver"
      ? [rule("beyond", fromVm, to(dns.address), isTcpOrUdp, toPort(53), wasAskedAt(plan.dns), accept)]
      : []),
    rule(
      "beyond",
      fromVm,
      match(payload("ip", "daddr"), anyOf(rules.protected.map(network))),
      // Said at once, so that nothing waits: it is no secret that this is not allowed.
      rejectProhibited,
    ),
    rule("beyond", fromVm, accept),
    rule("beyond", toVm, isAnswer, accept),
    rule("beyond", toVm, drop),
    ...(guarded.length > 0
      ? [
          rule(
            "beyond",
            match(meta("iifname"), anyOf([...guarded])),
            match(meta("oifname"), ANY_VPN, "!="),
            drop,
          ),
        ]
      : []),

    base("outwards", "nat", "postrouting", PRIORITY.srcnat),
    rule(
      "outwards",
      match(payload("ip", "saddr"), network(plan.network)),
      match(meta("oifname"), ANY_VPN, "!="),
      masquerade,
    ),
  ];
}

const leadTo = (plan: VpnPlan, dns: VpnDns): NftStatement =>
  dns.by === "forwarder" ? dnat("ip", plan.gateway, VPN_DNS_PORT) : dnat("ip", dns.address, 53);
