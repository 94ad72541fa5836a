import { existsSync } from "node:fs";
import { z } from "zod";
import { run } from "./run.ts";

/** What an interface is made of, as far as its kind decides what it may be used for. */
export type HostInterfaceKind = "ethernet" | "wifi" | "batman" | "bridge" | "loopback" | "tunnel" | "other";

export interface HostInterface {
  name: string;
  /** The kernel's number: an adapter that is plugged in again keeps its name and gets another. */
  index: number;
  kind: HostInterfaceKind;
  /** Set up by somebody. */
  up: boolean;
  /** Its wire or air is there: what is sent may arrive. Interfaces that cannot tell count as there while they are up. */
  carrier: boolean;
  /** The bridge, bond or batman-adv device that it is a port of. */
  master?: string;
  /** With prefix length and without zone: "10.1.2.3/24", "fe80::1/64". Those that cannot be used yet (RFC 4862, tentative) or at all (duplicate) are left out. */
  addresses: readonly string[];
  /** A default route leaves by it that is not dead. */
  hasWayOut: boolean;
}

/** Whether an interface is an 802.11 device, which `ip` does not say. */
export type WirelessTest = (name: string) => boolean;

const ADDRESS = z.object({
  local: z.string().optional(),
  prefixlen: z.number().optional(),
  tentative: z.boolean().optional(),
  dadfailed: z.boolean().optional(),
});
const LINK = z.object({
  ifindex: z.number(),
  ifname: z.string(),
  flags: z.array(z.string()).default([]),
  operstate: z.string().default("UNKNOWN"),
  link_type: z.string().default(""),
  master: z.string().optional(),
  linkinfo: z.object({ info_kind: z.string().optional() }).optional(),
  addr_info: z.array(ADDRESS).default([]),
});
const HOP = z.object({ dev: z.string().optional(), flags: z.array(z.string()).default([]) });
const ROUTE = HOP.extend({ type: z.string().optional(), nexthops: z.array(HOP).default([]) });

/** `ip -j` prints nothing at all where there is nothing, and empty objects for what it has left out. */
const listOf = <T>(schema: z.ZodType<T>, text: string): T[] => {
  const list: unknown = text.trim() === "" ? [] : JSON.parse(text);
  return z
    .array(z.unknown())
    .parse(list)
    .flatMap((entry) => schema.safeParse(entry).data ?? []);
};

const TUNNELS = new Set([
  "tun",
  "wireguard",
  "gre",
  "gretap",
  "ip6gre",
  "ip6gretap",
  "ipip",
  "ip6tnl",
  "sit",
  "vti",
  "vti6",
  "vxlan",
  "geneve",
  "xfrm",
  "ppp",
  "amt",
  "bareudp",
  "ovpn",
]);
/** Made of other interfaces, or ends of a cable: Ethernet for whoever sends by them. */
const ETHERNET_LIKE = new Set(["veth", "vlan", "bond", "team", "macvlan", "ipvlan", "dsa", "netdevsim"]);

function kindOf(link: z.infer<typeof LINK>, isWireless: boolean): HostInterfaceKind {
  const made = link.linkinfo?.info_kind;
  if (link.link_type === "loopback") return "loopback";
  if (made === "batadv") return "batman";
  if (made === "bridge") return "bridge";
  if (isWireless) return "wifi";
  // A tun, a PPP line or a WireGuard interface has no Ethernet address.
  if (link.link_type !== "ether" || (made !== undefined && TUNNELS.has(made))) return "tunnel";
  if (made === undefined || ETHERNET_LIKE.has(made)) return "ethernet";
  return "other";
}

/**
 * The host's interfaces, from what iproute2 prints.
 * @param addresses `ip -j -details addr`
 * @param routes `ip -j route show default`, of IPv4 and of IPv6
 * @throws {SyntaxError} when it is no JSON
 */
export function parseInterfaces(
  addresses: string,
  routes: readonly string[],
  isWireless: WirelessTest,
): HostInterface[] {
  const leads = new Set(
    routes
      .flatMap((text) => listOf(ROUTE, text))
      .flatMap((route) => {
        if (route.type !== undefined && route.type !== "unicast") return [];
        return [route, ...route.nexthops].flatMap(({ dev, flags }) =>
          dev === undefined || flags.includes("dead") || flags.includes("linkdown") ? [] : [dev],
        );
      }),
  );
  return listOf(LINK, addresses).map((link) => {
    const up = link.flags.includes("UP");
    return {
      name: link.ifname,
      index: link.ifindex,
      kind: kindOf(link, isWireless(link.ifname)),
      up,
      carrier: up && isCarrying(link.flags, link.operstate),
      ...(link.master === undefined ? {} : { master: link.master }),
      addresses: link.addr_info.flatMap(({ local, prefixlen, tentative, dadfailed }) =>
        local === undefined || prefixlen === undefined || tentative || dadfailed
          ? []
          : [`${local}/${prefixlen}`],
      ),
      hasWayOut: leads.has(link.ifname),
    };
  });
}

/** RFC 2863 and Documentation/networking/operstates.rst: drivers that know no state leave it at UNKNOWN. */
export function isCarrying(flags: readonly string[], operstate: string): boolean {
  return !flags.includes("NO-CARRIER") && (operstate === "UP" || operstate === "UNKNOWN");
}

const isWirelessBySysfs: WirelessTest = (name) =>
  !name.includes("/") &&
  (existsSync(`/sys/class/net/${name}/wireless`) || existsSync(`/sys/class/net/${name}/phy80211`));

/** @throws {RunError} when `ip` fails */
export async function readInterfaces(): Promise<HostInterface[]> {
  const [addresses, ...routes] = await Promise.all([
    run(["ip", "-j", "-details", "addr"]),
    run(["ip", "-j", "route", "show", "default"]),
    // Without IPv6 in the kernel there is no such route, and no reason to fail.
    run(["ip", "-j", "-6", "route", "show", "default"]).catch(() => ""),
  ]);
  return parseInterfaces(addresses, routes, isWirelessBySysfs);
}
