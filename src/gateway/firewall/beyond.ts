import {
  accept,
  anyOf,
  ct,
  drop,
  forEach,
  jump,
  masquerade,
  match,
  meta,
  type NftCommand,
  type NftStatement,
  overBytesEach,
  overConnectionsEach,
  payload,
  prefix,
  rejectProhibited,
} from "../../host/nft.ts";
import { ipv4Source, ipv6Source, isNew, mac, matchesOf, refuse } from "./matches.ts";
import type { RulesetPlan } from "./plan.ts";
import type { Table } from "./table.ts";

/** Private and special networks that guests may not reach through an uplink. */
const PRIVATE_IPV4 = [
  prefix("10.0.0.0", 8),
  prefix("100.64.0.0", 10),
  prefix("127.0.0.0", 8),
  prefix("169.254.0.0", 16),
  prefix("172.16.0.0", 12),
  prefix("192.168.0.0", 16),
];
const PRIVATE_IPV6 = [prefix("fc00::", 7), prefix("fe80::", 10)];

/** The class of a packet's guest, as the queueing disciplines read it (tc-htb(8): skb->priority names a class). */
const setPriority: NftStatement = {
  mangle: { key: meta("priority"), value: { map: { key: ct("mark"), data: "@class_priority" } } },
};
const setMark: NftStatement = {
  mangle: { key: ct("mark"), value: { map: { key: mac, data: "@guest_class" } } },
};

/**
 * What beyond the box a guest may reach: nothing, or the uplinks, or other guests, as planned. A guest's limits hold for
 * all uplinks together.
 */
export function beyondRules(t: Table, plan: RulesetPlan): NftCommand[] {
  const { fromGuest, toGuest, guestNet4, guestNet6, forReleased } = matchesOf(plan);
  const { guestToGuest } = plan;
  const outside = anyOf(plan.uplinks);
  const hasWayOut = plan.uplinks.length > 0;
  return [
    // Refused before routing: a box that does not forward at all would drop in silence, and a phone would wait.
    t.base("beyond", "filter", "prerouting", 0),
    t.chain("guest_beyond"),
    t.rule(
      "beyond",
      fromGuest,
      match(
        { fib: { result: "type", flags: ["daddr"] } },
        anyOf(["unicast", "unreachable", "blackhole", "prohibit"]),
      ),
      jump("guest_beyond"),
    ),
    ...(guestToGuest || hasWayOut ? forReleased(t, "guest_beyond", accept) : []),
    ...refuse(t, "guest_beyond"),

    t.base("forward", "filter", "forward", 0),
    t.chain("from_guest"),
    t.chain("to_guest"),
    t.chain("out_by_uplink"),
    t.rule("forward", fromGuest, jump("from_guest")),
    t.rule("forward", toGuest, jump("to_guest")),
    ...(guestToGuest ? forReleased(t, "from_guest", toGuest, accept) : []),
    ...(hasWayOut
      ? forReleased(t, "from_guest", match(meta("oifname"), outside), jump("out_by_uplink"))
      : []),
    ...refuse(t, "from_guest"),
    ...outByUplink(t, plan),
    t.rule("to_guest", drop),

    // With forwarding on, nobody beyond the uplink may use the box as a way to its other networks.
    ...(hasWayOut ? [t.rule("forward", match(meta("iifname"), outside), isNew, drop)] : []),

    ...(hasWayOut
      ? [
          t.base("postrouting", "nat", "postrouting", 100),
          t.rule("postrouting", match(meta("oifname"), outside), match(ipv4Source, guestNet4), masquerade),
          t.rule("postrouting", match(meta("oifname"), outside), match(ipv6Source, guestNet6), masquerade),
        ]
      : []),
  ];
}

/** On the way out, and back: private networks refused, each guest held to its rate, its class set for the queues. */
function outByUplink(t: Table, { uplinks, blockPrivate, guestRateKbit, limits }: RulesetPlan): NftCommand[] {
  if (uplinks.length === 0) return [];
  const answers = [
    match(meta("iifname"), anyOf(uplinks)),
    match(ct("state"), anyOf(["established", "related"])),
  ];
  const back = [
    [...answers, match(payload("ip", "daddr"), "@answers_ipv4")],
    [...answers, match(payload("ip6", "daddr"), "@answers_ipv6")],
  ];
  const kbytes = Math.max(1, Math.ceil(guestRateKbit / 8));
  const isLimited = guestRateKbit > 0;
  const down = (set: string, protocol: "ip" | "ip6") =>
    t.rule("to_guest", ...answers, overBytesEach(set, payload(protocol, "daddr"), kbytes), drop);
  return [
    ...(blockPrivate
      ? [
          t.rule("out_by_uplink", match(payload("ip", "daddr"), anyOf(PRIVATE_IPV4)), rejectProhibited),
          t.rule("out_by_uplink", match(payload("ip6", "daddr"), anyOf(PRIVATE_IPV6)), rejectProhibited),
        ]
      : []),
    ...(isLimited ? [t.rule("out_by_uplink", overBytesEach("up_rate", mac, kbytes), drop)] : []),
    t.rule(
      "out_by_uplink",
      isNew,
      overConnectionsEach("guest_connections", mac, limits.guest_connections),
      drop,
    ),
    t.rule("out_by_uplink", forEach("answers_ipv4", ipv4Source)),
    t.rule("out_by_uplink", forEach("answers_ipv6", ipv6Source)),
    t.rule("out_by_uplink", setMark),
    t.rule("out_by_uplink", setPriority),
    t.rule("out_by_uplink", accept),
    ...(isLimited ? [down("down_rate_ipv4", "ip"), down("down_rate_ipv6", "ip6")] : []),
    ...back.flatMap((condition) => [
      t.rule("to_guest", ...condition, setPriority),
      t.rule("to_guest", ...condition, accept),
    ]),
  ];
}
