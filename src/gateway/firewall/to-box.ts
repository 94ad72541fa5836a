import {
  accept,
  anyOf,
  count,
  ct,
  drop,
  forEach,
  jump,
  match,
  meta,
  type NftCommand,
  type NftStatement,
  over,
  overConnectionsEach,
  payload,
  range,
  resetTcp,
  within,
} from "../../host/nft.ts";
import { PORTS } from "../guest-network.ts";
import {
  ipv4Source,
  isIpv4,
  isIpv6,
  isNew,
  isTcp,
  isTcpOrUdp,
  isUdp,
  mac,
  matchesOf,
  port,
} from "./matches.ts";
import type { RulesetPlan } from "./plan.ts";
import type { Table } from "./table.ts";

/** Neighbour discovery and multicast listening, without which IPv6 does not work (RFC 4890 section 4.4.1). */
const NEIGHBOUR_DISCOVERY = anyOf([
  "nd-router-solicit",
  "nd-neighbor-solicit",
  "nd-neighbor-advert",
  "mld-listener-query",
  "mld-listener-report",
  "mld2-listener-report",
]);

/** What of the box itself a guest may reach, and how much of it. */
export function toBoxRules(t: Table, plan: RulesetPlan): NftCommand[] {
  const { limits } = plan;
  const { fromGuest, released, forReleased, toBox } = matchesOf(plan);
  const wasTranslated = match(ct("status"), "dnat", "in");
  const isDiscovery = match(payload("icmpv6", "type"), NEIGHBOUR_DISCOVERY);
  const isDhcpv6 = [isIpv6, isUdp, match(port, 547)];
  const portalPort = plan.tls ? anyOf([PORTS.portalHttp, PORTS.portalHttps]) : PORTS.portalHttp;
  /** The same rule for both families, each for the box's own address. */
  const forBox = (...rest: NftStatement[]) => [
    t.rule("guest_to_box", isIpv4, toBox.ipv4, ...rest),
    t.rule("guest_to_box", isIpv6, toBox.ipv6, ...rest),
  ];
  return [
    t.base("input", "filter", "input", 0),
    t.chain("guest_to_box"),
    t.rule("input", fromGuest, jump("guest_to_box")),
    t.rule("guest_to_box", match(ct("state"), "invalid", "in"), drop),
    ...dhcpRules(t, plan),
    t.rule("guest_to_box", isUdp, isIpv4, match(port, 67), jump("guest_dhcp")),
    t.rule("guest_to_box", ...isDhcpv6, forEach("dhcp_rate", mac, over(30, "minute", 30)), drop),
    t.rule("guest_to_box", ...isDhcpv6, accept),
    t.rule("guest_to_box", isDiscovery, forEach("nd_rate", mac, over(20, "second", 60)), drop),
    t.rule("guest_to_box", isDiscovery, accept),
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
    ...forBox(isTcpOrUdp, match(port, PORTS.captiveDns), accept),
    ...forReleased(t, "guest_to_box", isTcpOrUdp, match(port, PORTS.communityDns), wasTranslated, accept),

    t.rule(
      "guest_to_box",
      isTcp,
      match(port, portalPort),
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
      match(port, portalPort),
      isNew,
      overConnectionsEach("portal_connections", mac, limits.connections),
      count("portal_flood"),
      resetTcp,
    ),
    ...forBox(isTcp, match(port, portalPort), wasTranslated, accept),

    ...[
      ...plan.services.map((service) => [
        service.protocol === "tcp" ? isTcp : isUdp,
        match(port, service.port),
        accept,
      ]),
      ...(plan.farPorts
        ? [[isTcp, match(port, range(plan.farPorts.first, plan.farPorts.last)), accept]]
        : []),
    ].flatMap((isService) => [
      t.rule("guest_to_box", ...released.ipv4, toBox.ipv4, ...isService),
      t.rule("guest_to_box", ...released.ipv6, toBox.ipv6, ...isService),
    ]),
    t.rule("guest_to_box", count("refused_to_box")),
    t.rule("guest_to_box", isTcp, resetTcp),
    t.rule("guest_to_box", drop),
  ];
}

/**
 * DHCP: those who have been here lately always get through; of those never seen, no more than the pool can hold within
 * one lease time. A flood of made-up stations can keep newcomers out, never those who are there.
 */
function dhcpRules(t: Table, { net }: RulesetPlan): NftCommand[] {
  return [
    t.chain("guest_dhcp"),
    t.rule("guest_dhcp", forEach("dhcp_rate", mac, over(30, "minute", 30)), count("dhcp_flood"), drop),
    t.rule("guest_dhcp", match(ipv4Source, "0.0.0.0"), forEach("joining", mac)),
    t.rule("guest_dhcp", match(mac, "@stations"), forEach("stations", mac), accept),
    t.rule(
      "guest_dhcp",
      within(net.newcomersPerHour, "hour", net.newcomersBurst),
      forEach("stations", mac),
      accept,
    ),
    t.rule("guest_dhcp", count("dhcp_flood"), drop),
  ];
}
