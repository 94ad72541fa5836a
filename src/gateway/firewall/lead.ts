import {
  accept,
  anyOf,
  count,
  ct,
  dnat,
  drop,
  jump,
  match,
  meta,
  type NftCommand,
  type NftExpression,
  type NftStatement,
  payload,
  prefix,
  range,
} from "../../host/nft.ts";
import { PORTS, SPOOFED_IPV4, SPOOFED_IPV6 } from "../guest-network.ts";
import {
  ipv4Source,
  ipv6Source,
  isIpv4,
  isIpv6,
  isTcp,
  isTcpOrUdp,
  isUdp,
  matchesOf,
  port,
} from "./matches.ts";
import type { RulesetPlan } from "./plan.ts";
import type { Table } from "./table.ts";

/** Connection mark of what leads to the portal; guests' classes are below it. */
export const PORTAL_MARK = 0x10000;
const markPortal: NftStatement = { mangle: { key: ct("mark"), value: PORTAL_MARK } };

/** Drops guests' packets whose source is no guest's, and others' whose source is, before anything else sees them. */
export function sourceRules(t: Table, plan: RulesetPlan): NftCommand[] {
  const { net } = plan;
  const { fromGuest, guestNet4, guestNet6 } = matchesOf(plan);
  return [
    t.base("sources", "filter", "prerouting", -300),
    t.chain("guest_sources"),
    t.rule("sources", fromGuest, jump("guest_sources")),
    // Nor does anybody elsewhere pass for a guest: the kernel's own check lets through a source that is reached by
    // whatever interface (RFC 3704, 2.4), as a box with several links needs.
    ...[ipv4Source, ipv6Source].map((source, index) =>
      t.rule(
        "sources",
        match(meta("iifname"), anyOf([net.bridge, "lo"]), "!="),
        match(source, index === 0 ? guestNet4 : guestNet6),
        count("spoofed_source"),
        drop,
      ),
    ),
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
  ];
}

/** Leads DNS and plain HTTP to the box: before consent whatever address they are for. */
export function leadRules(t: Table, plan: RulesetPlan): NftCommand[] {
  const { net } = plan;
  const { fromGuest, released } = matchesOf(plan);
  const lead = (
    chain: string,
    condition: NftStatement[],
    to: number | undefined,
    only?: Record<"ipv4" | "ipv6", NftExpression>,
  ) => {
    const daddr = (protocol: "ip" | "ip6", value: NftExpression | undefined) =>
      value === undefined ? [] : [match(payload(protocol, "daddr"), value)];
    return [
      t.rule(chain, isIpv4, ...daddr("ip", only?.ipv4), ...condition, dnat("ip", net.ipv4.address, to)),
      t.rule(chain, isIpv6, ...daddr("ip6", only?.ipv6), ...condition, dnat("ip6", net.ipv6.address, to)),
    ];
  };
  const isDns = [isTcpOrUdp, match(port, 53)];
  const isHttp = [isTcp, match(port, 80), markPortal];
  const isHttps = [isTcp, match(port, 443), markPortal];
  const portal = {
    ipv4: anyOf([SPOOFED_IPV4, net.ipv4.address]),
    ipv6: anyOf([SPOOFED_IPV6, net.ipv6.address]),
  };
  return [
    t.base("prerouting", "nat", "prerouting", -100),
    t.chain("lead_captive"),
    t.chain("lead_released"),
    t.rule("prerouting", fromGuest, ...released.ipv4, jump("lead_released")),
    t.rule("prerouting", fromGuest, ...released.ipv6, jump("lead_released")),
    t.rule("prerouting", fromGuest, jump("lead_captive")),
    ...lead("lead_captive", isDns, PORTS.captiveDns),
    ...lead("lead_captive", isHttp, PORTS.portalHttp),
    ...lead("lead_released", isDns, PORTS.communityDns),
    // Without a way out every plain-HTTP address leads to the portal still; with one, only the portal's own.
    ...lead("lead_released", isHttp, PORTS.portalHttp, plan.uplinks.length === 0 ? undefined : portal),
    // The portal's name stands for an address that is no one's: the services' buttons lead there, and so does what a
    // browser remembers from before.
    ...plan.services.flatMap(({ protocol, port: of }) =>
      lead("lead_released", [protocol === "tcp" ? isTcp : isUdp, match(port, of)], of, portal),
    ),
    ...(plan.farPorts
      ? lead(
          "lead_released",
          [isTcp, match(port, range(plan.farPorts.first, plan.farPorts.last))],
          undefined,
          portal,
        )
      : []),
    ...(plan.tls
      ? ["lead_captive", "lead_released"].flatMap((chain) => lead(chain, isHttps, PORTS.portalHttps, portal))
      : []),
    t.rule("lead_released", accept),
  ];
}
