import { isIP } from "node:net";
import type { TrafficPorts } from "./mark-ruleset.ts";

/** How one family of addresses leaves by an uplink. */
export interface UplinkFamily {
  /** The next router; undefined on a line with one other end (PPP). */
  readonly gateway?: string;
  /** This box's address there: what is sent from it leaves by this uplink. */
  readonly source?: string;
  /** The router does not answer on the link: nothing new is sent by it. */
  readonly silent?: boolean;
}

/** One way to the internet. Its place in the list is its identity: keep the list in the configuration's order. */
export interface Uplink {
  readonly interface: string;
  readonly ipv4?: UplinkFamily;
  readonly ipv6?: UplinkFamily;
  /** How many of what is new goes this way, beside the others' weights: 1 to 100. */
  readonly weight: number;
  /** Volume is paid for: used only while there is no other, and never for machines, tunnels and bulk. */
  readonly metered: boolean;
  /**
   * It has a wire and a default route whose router answers, as far as it was asked. Whether anything answers beyond the
   * router is not known: one whose provider fails behind its modem stays in use.
   */
  readonly healthy: boolean;
}

/** What is not simply spread. */
export interface UplinkPins {
  readonly ports: TrafficPorts;
  /** UDP ports of WireGuard tunnels. */
  readonly tunnelPorts: readonly number[];
  readonly vmInterfaces: readonly string[];
  /**
   * How long what shares a bucket must be silent before it may be moved to an uplink that came back, in s: moved, a
   * connection behind address translation breaks.
   */
  readonly idleSeconds: number;
}

/** A rule of the policy database without its preference, as `ip rule add` takes it, e.g. "iif vm0 lookup 46102". */
export interface UplinkRule {
  readonly preference: number;
  readonly selector: string;
}

export interface UplinkFamilyPlan {
  /** Next hops, for `ip -4 -batch` or `ip -6 -batch`. Every line of a plan may be run again and again. */
  readonly hops: readonly string[];
  /** Groups of next hops, for `ip -batch`, as they belong to no family. */
  readonly groups: readonly string[];
  /** Routes, for `ip -4 -batch` or `ip -6 -batch`. */
  readonly routes: readonly string[];
  /** All of our rules. */
  readonly rules: readonly UplinkRule[];
  /** Tables of ours that hold something; the others of {@link UPLINK_TABLES} are emptied. */
  readonly tables: readonly number[];
  /** Next hops and groups of ours; others of {@link nexthopRange} are removed. */
  readonly nexthops: readonly number[];
}

export interface UplinkPlan {
  readonly ipv4: UplinkFamilyPlan;
  readonly ipv6: UplinkFamilyPlan;
}

export const MAX_UPLINKS = 16;
/** Connections are told apart by so many buckets: enough that most of them are silent now and again. */
const BUCKETS = 1_024;
/** An uplink that came back has its share again after so long at the latest, if connections must be moved for it. */
const UNBALANCED_S = 300;
/** Preferences of our rules: before the kernel's own main table (32766). */
export const UPLINK_PREFERENCES = { first: 20_000, last: 20_009 } as const;
const SPREAD = 46_100;
const BEST = 46_101;
const UNMETERED = 46_102;
const OWN = 46_110;
/** Routing tables: 46100 spreads, 46101 is the best uplink, 46102 the unmetered ones, from 46110 each uplink's own. */
export const UPLINK_TABLES = [
  SPREAD,
  BEST,
  UNMETERED,
  ...Array.from({ length: MAX_UPLINKS }, (_, index) => OWN + index),
] as const;

/** Ids of next hops: the families share one space. */
export const nexthopRange = (family: 4 | 6): { first: number; last: number } => {
  const first = family === 4 ? 46_000 : 46_200;
  return { first, last: first + 199 };
};

/**
 * Spreads what leaves the box over its uplinks.
 *
 * Connections, not packets, are spread, by weights (`fib_multipath_hash_policy` 1), over a resilient group of next hops
 * (Documentation/networking/nexthop-group-resilient.rst): when one of several uplinks goes, only what used it moves,
 * and when it comes back, only what has been idle. The kernel itself takes an uplink out whose interface goes down.
 * Metered ones have a place only while no other is healthy.
 *
 * Datagrams of the networks leave by the best uplink unless they are sent from another's address; tunnels, machines and
 * bulk leave by unmetered ones or, where only metered ones are left, not at all. Connected networks and more special
 * routes of the main table go before all of this, and where no uplink is healthy, so does its default route.
 */
export function planUplinks(uplinks: readonly Uplink[], pins: UplinkPins): UplinkPlan {
  if (uplinks.length > MAX_UPLINKS)
    throw new RangeError(`uplinks: ${uplinks.length}, of ${MAX_UPLINKS} at most`);
  return { ipv4: planFamily(uplinks, pins, 4), ipv6: planFamily(uplinks, pins, 6) };
}

interface Way {
  nexthop: number;
  table: number;
  via: string;
  source: string | undefined;
  silent: boolean;
  uplink: Uplink;
}

function planFamily(uplinks: readonly Uplink[], pins: UplinkPins, family: 4 | 6): UplinkFamilyPlan {
  const { first } = nexthopRange(family);
  const ways = uplinks.flatMap((uplink, index): Way[] => {
    const how = family === 4 ? uplink.ipv4 : uplink.ipv6;
    if (how === undefined) return [];
    const via = [
      ...(how.gateway === undefined ? [] : [`via ${checked(how.gateway, family)}`]),
      `dev ${uplink.interface}`,
    ];
    const source = how.source === undefined ? undefined : checked(how.source, family);
    return [
      {
        nexthop: first + index,
        table: OWN + index,
        via: via.join(" "),
        source,
        silent: how.silent ?? false,
        uplink,
      },
    ];
  });
  const own = ways.map((way) => `route replace default ${way.via} table ${way.table}`);
  const healthy = ways.filter((way) => way.uplink.healthy && !way.silent);
  const free = healthy.filter((way) => !way.uplink.metered);
  const [best] = [...healthy].sort(byRank);
  const tables = ways.map((way) => way.table);
  // Whatever looks whether an uplink works again must still get out by it.
  if (best === undefined) {
    return { hops: [], groups: [], routes: own, rules: ownRules(ways), tables, nexthops: [] };
  }

  const spread = free.length > 0 ? free : healthy;
  const group = (id: number, members: readonly Way[]) => {
    const weighted = members.map((way) => `${way.nexthop},${way.uplink.weight}`).join("/");
    return `nexthop replace id ${id} group ${weighted} type resilient buckets ${BUCKETS} idle_timer ${pins.idleSeconds} unbalanced_timer ${UNBALANCED_S}`;
  };
  const [spreadGroup, freeGroup] = [first + 100, first + 101];
  const byNexthop = (table: number, id: number) => `route replace default table ${table} nhid ${id}`;
  return {
    hops: healthy.map((way) => `nexthop replace id ${way.nexthop} ${way.via}`),
    groups: [group(spreadGroup, spread), ...(free.length > 0 ? [group(freeGroup, free)] : [])],
    routes: [
      ...own,
      byNexthop(BEST, best.nexthop),
      byNexthop(SPREAD, spreadGroup),
      free.length > 0
        ? byNexthop(UNMETERED, freeGroup)
        : `route replace unreachable default table ${UNMETERED}`,
    ],
    rules: [...ownRules(ways), ...pinRules(pins), rule(9, `lookup ${SPREAD}`)],
    tables: [SPREAD, BEST, UNMETERED, ...tables],
    nexthops: [...healthy.map((way) => way.nexthop), spreadGroup, ...(free.length > 0 ? [freeGroup] : [])],
  };
}

const rule = (offset: number, selector: string): UplinkRule => ({
  preference: UPLINK_PREFERENCES.first + offset,
  selector,
});

/** What the main table knows better than by its default route; then what has an uplink's address already. */
const ownRules = (ways: readonly Way[]): UplinkRule[] => [
  ...(ways.length > 0 ? [rule(0, "lookup main suppress_prefixlength 0")] : []),
  ...ways.flatMap((way) =>
    way.source === undefined ? [] : [rule(1, `from ${way.source} lookup ${way.table}`)],
  ),
];

const pinRules = ({ ports, tunnelPorts, vmInterfaces }: UplinkPins): UplinkRule[] => [
  ...ports.control.map((port) => rule(2, `ipproto udp sport ${port} lookup ${BEST}`)),
  ...vmInterfaces.map((name) => rule(3, `iif ${name} lookup ${UNMETERED}`)),
  ...tunnelPorts.map((port) => rule(3, `ipproto udp sport ${port} lookup ${UNMETERED}`)),
  ...ports.bulk.flatMap((port) =>
    ["sport", "dport"].map((side) => rule(3, `ipproto tcp ${side} ${port} lookup ${UNMETERED}`)),
  ),
];

/** Unmetered first, then the heavier; the earlier of equals. */
const byRank = (a: Way, b: Way): number =>
  Number(a.uplink.metered) - Number(b.uplink.metered) || b.uplink.weight - a.uplink.weight;

function checked(address: string, family: 4 | 6): string {
  if (isIP(address) !== family) throw new TypeError(`uplinks: ${address} is no IPv${family} address`);
  return address;
}
