import {
  anyOf,
  concat,
  count,
  ct,
  match,
  meta,
  type NftCommand,
  type NftStatement,
  payload,
  prefix,
  rejectProhibited,
  resetTcp,
} from "../../host/nft.ts";
import type { RulesetPlan } from "./plan.ts";
import type { Table } from "./table.ts";

export const mac = payload("ether", "saddr");
export const ipv4Source = payload("ip", "saddr");
export const ipv6Source = payload("ip6", "saddr");
export const port = payload("th", "dport");
export const isTcp = match(meta("l4proto"), "tcp");
export const isUdp = match(meta("l4proto"), "udp");
export const isTcpOrUdp = match(meta("l4proto"), anyOf(["tcp", "udp"]));
export const isIpv4 = match(meta("nfproto"), "ipv4");
export const isIpv6 = match(meta("nfproto"), "ipv6");
export const isNew = match(ct("state"), "new", "in");

/** What the rules of one plan have in common. */
export function matchesOf({ net }: RulesetPlan) {
  const guestNet4 = prefix(net.ipv4.network, net.ipv4.prefix);
  const guestNet6 = prefix(net.ipv6.network, net.ipv6.prefix);
  /** A packet of a guest who is let through; one condition for each family. */
  const released: { ipv4: NftStatement[]; ipv6: NftStatement[] } = {
    ipv4: [isIpv4, match(concat(mac, ipv4Source), "@released_ipv4")],
    ipv6: [isIpv6, match(mac, "@released_mac"), match(ipv6Source, anyOf([guestNet6, prefix("fe80::", 10)]))],
  };
  return {
    fromGuest: match(meta("iifname"), net.bridge),
    toGuest: match(meta("oifname"), net.bridge),
    toBox: {
      ipv4: match(payload("ip", "daddr"), net.ipv4.address),
      ipv6: match(payload("ip6", "daddr"), net.ipv6.address),
    },
    guestNet4,
    guestNet6,
    released,
    /** The same rule for both families, each for guests who are let through. */
    forReleased: (t: Table, chain: string, ...rest: NftStatement[]): NftCommand[] =>
      [released.ipv4, released.ipv6].map((condition) => t.rule(chain, ...condition, ...rest)),
  };
}

/** A refusal that a phone understands at once: 443 above all must be reset, never led anywhere. */
export function refuse(t: Table, chain: string): NftCommand[] {
  return [
    t.rule(chain, count("refused_beyond")),
    t.rule(chain, isTcp, resetTcp),
    t.rule(chain, rejectProhibited),
  ];
}
