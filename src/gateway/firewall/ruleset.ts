import { drop, forEach, match, meta, type NftCommand, over, payload } from "../../host/nft.ts";
import { GUEST_CLASSES, priorityOf } from "../shaping.ts";
import { admissionSets, elements } from "./admission.ts";
import { beyondRules } from "./beyond.ts";
import { leadRules, sourceRules } from "./lead.ts";
import type { Admitted, RulesetPlan } from "./plan.ts";
import { type Table, table } from "./table.ts";
import { toBoxRules } from "./to-box.ts";

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
  const t = table("inet");
  return [
    ...t.replace,
    ...admissionSets(t, admitted),
    ...limitSets(t, plan),
    ...sourceRules(t, plan),
    ...leadRules(t, plan),
    ...toBoxRules(t, plan),
    ...beyondRules(t, plan),
    ...arpTable(plan),
  ];
}

/** How long after a guest's last packet answers still reach it, in s: no longer than that outlives a session. */
const ANSWERS_S = 60;

/** What the kernel remembers of each station to hold it to its share. */
function limitSets(t: Table, { net, known }: RulesetPlan): NftCommand[] {
  return [
    t.map("class_priority", "mark", "classid", {
      elem: Array.from({ length: GUEST_CLASSES }, (_, index) => [index + 1, priorityOf(index + 1)]),
    }),
    // Stations that have asked for an address within the last two lease times.
    t.set("stations", "ether_addr", {
      flags: ["timeout"],
      timeout: 2 * net.leaseSeconds,
      ...elements([...new Set(known)].map((mac) => ({ elem: { val: mac, timeout: 2 * net.leaseSeconds } }))),
    }),
    // Guests who have sent something by the uplink lately: to nobody else does anything come back.
    t.set("answers_ipv4", "ipv4_addr", { flags: ["timeout"], timeout: ANSWERS_S }),
    t.set("answers_ipv6", "ipv6_addr", { flags: ["timeout"], timeout: ANSWERS_S }),
    t.set("guest_connections", "ether_addr"),
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
  ];
}

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
