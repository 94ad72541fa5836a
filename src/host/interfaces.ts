import { existsSync, readFileSync } from "node:fs";
import { isIPv4 } from "node:net";
import { z } from "zod";
import { run } from "./run.ts";

/** What an interface is made of, as far as its kind decides what it may be used for. */
export type HostInterfaceKind =
  | "ethernet"
  | "wifi"
  | "batman"
  | "bridge"
  | "loopback"
  /** A line with one other end and no Ethernet header: PPP, or a cellular modem that passes IP packets as they are. */
  | "line"
  | "tunnel"
  | "other";

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
  /** The next routers of its default routes; none on a line. Absent: none. */
  routers?: readonly string[];
  /**
   * Those of its IPv4 addresses whose network the kernel reaches by another interface, which has it as well and whose
   * route goes before (a lower metric, or made earlier). Absent: none.
   */
  shadowed?: readonly string[];
}

/** What `ip` does not say of a device. */
export interface DeviceFacts {
  /** It is an 802.11 device. */
  isWireless(name: string): boolean;
  /** It is a cellular modem's. */
  isCellular(name: string): boolean;
}

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
const ROUTE = HOP.extend({
  dst: z.string().default(""),
  type: z.string().optional(),
  gateway: z.string().optional(),
  metric: z.number().default(0),
  table: z.string().default("main"),
  nexthops: z.array(HOP.extend({ gateway: z.string().optional() })).default([]),
});
type Route = z.output<typeof ROUTE>;

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
  "amt",
  "bareudp",
  "ovpn",
]);
/** Made of other interfaces, or ends of a cable: Ethernet for whoever sends by them. */
const ETHERNET_LIKE = new Set(["veth", "vlan", "bond", "team", "macvlan", "ipvlan", "dsa", "netdevsim"]);
/** The kernel's two frameworks for modems (drivers/net/wwan, drivers/net/ethernet/qualcomm/rmnet). */
const CELLULAR = new Set(["wwan", "rmnet"]);

function kindOf(link: z.infer<typeof LINK>, facts: DeviceFacts): HostInterfaceKind {
  const made = link.linkinfo?.info_kind;
  const isWireless = facts.isWireless(link.ifname);
  if (link.link_type === "loopback") return "loopback";
  if (made === "batadv") return "batman";
  if (made === "bridge") return "bridge";
  if (isWireless) return "wifi";
  const isCellular = made === undefined ? facts.isCellular(link.ifname) : CELLULAR.has(made);
  if (link.link_type === "ppp" || (isCellular && link.link_type !== "ether")) return "line";
  if (isCellular) return "ethernet";
  // A tun or a WireGuard interface has no Ethernet address.
  if (link.link_type !== "ether" || (made !== undefined && TUNNELS.has(made))) return "tunnel";
  if (made === undefined || ETHERNET_LIKE.has(made)) return "ethernet";
  return "other";
}

/**
 * The host's interfaces, from what iproute2 prints.
 * @param addresses `ip -j -details addr`
 * @param routes `ip -j route show default`, of IPv4 and of IPv6
 * @param facts what sysfs says of devices
 * @param onLink `ip -j -4 route show scope link`: the networks that the box is on, in the kernel's order
 * @throws {SyntaxError} when it is no JSON
 */
export function parseInterfaces(
  addresses: string,
  routes: readonly string[],
  facts: DeviceFacts,
  onLink = "",
): HostInterface[] {
  const defaults = routes.flatMap((text) => listOf(ROUTE, text));
  return interfacesOf(listOf(LINK, addresses), defaults, listOf(ROUTE, onLink), facts);
}

function interfacesOf(
  links: readonly z.output<typeof LINK>[],
  defaults: readonly Route[],
  onLink: readonly Route[],
  facts: DeviceFacts,
): HostInterface[] {
  const hops = defaults.filter(isUnicast).flatMap((route) => [route, ...route.nexthops].filter(isAlive));
  const leads = new Set(hops.map(({ dev }) => dev));
  const taken = takenBy(onLink);
  return links.map((link) => {
    const up = link.flags.includes("UP");
    const own = link.addr_info.flatMap(({ local, prefixlen, tentative, dadfailed }) =>
      local === undefined || prefixlen === undefined || tentative || dadfailed
        ? []
        : [`${local}/${prefixlen}`],
    );
    const routers = hops.flatMap(({ dev, gateway }) =>
      dev !== link.ifname || gateway === undefined ? [] : [gateway],
    );
    const shadowed = own.filter((address) => {
      const by = taken.get(networkOf(address));
      return by !== undefined && by !== link.ifname;
    });
    return {
      name: link.ifname,
      index: link.ifindex,
      kind: kindOf(link, facts),
      up,
      carrier: up && isCarrying(link.flags, link.operstate),
      ...(link.master === undefined ? {} : { master: link.master }),
      addresses: own,
      hasWayOut: leads.has(link.ifname),
      ...(routers.length > 0 ? { routers } : {}),
      ...(shadowed.length > 0 ? { shadowed } : {}),
    };
  });
}

const isUnicast = ({ type }: Route): boolean => type === undefined || type === "unicast";

const isAlive = ({ dev, flags }: z.output<typeof HOP>): boolean =>
  dev !== undefined && !flags.includes("dead") && !flags.includes("linkdown");

/** By which interface the kernel reaches each network: the lowest metric, the earlier of equals. */
function takenBy(routes: readonly Route[]): Map<string, string> {
  const taken = new Map<string, string>();
  const byMetric = routes
    .filter((route) => isUnicast(route) && isAlive(route))
    .sort((a, b) => a.metric - b.metric);
  for (const { dst, dev = "" } of byMetric) if (!taken.has(dst)) taken.set(dst, dev);
  return taken;
}

/** "10.1.2.0/24" of "10.1.2.3/24", as the routes name it; "" for IPv6, whose link-local networks are many by design. */
function networkOf(address: string): string {
  const [plain = "", length = ""] = address.split("/");
  if (!isIPv4(plain)) return "";
  const [a = 0, b = 0, c = 0, d = 0] = plain.split(".").map(Number);
  const bits =
    (((a << 24) | (b << 16) | (c << 8) | d) & (length === "0" ? 0 : -1 << (32 - Number(length)))) >>> 0;
  return `${[24, 16, 8, 0].map((shift) => (bits >>> shift) & 255).join(".")}/${length}`;
}

/** RFC 2863 and Documentation/networking/operstates.rst: drivers that know no state leave it at UNKNOWN. */
export function isCarrying(flags: readonly string[], operstate: string): boolean {
  return !flags.includes("NO-CARRIER") && (operstate === "UP" || operstate === "UNKNOWN");
}

const sysfs: DeviceFacts = {
  isWireless: (name) =>
    !name.includes("/") &&
    (existsSync(`/sys/class/net/${name}/wireless`) || existsSync(`/sys/class/net/${name}/phy80211`)),
  // Drivers of USB modems name their devices so (drivers/net/usb/qmi_wwan.c, cdc_mbim.c); a tun has flags of its own.
  isCellular: (name) =>
    !name.includes("/") &&
    !existsSync(`/sys/class/net/${name}/tun_flags`) &&
    ueventOf(name).includes("DEVTYPE=wwan"),
};

function ueventOf(name: string): string {
  try {
    return readFileSync(`/sys/class/net/${name}/uevent`, "utf8");
  } catch {
    return "";
  }
}

/** One `ip` for all that is asked each few seconds: to start a program takes a small board some 10 ms. */
const QUESTIONS = ["addr show", "route show scope link", "route show table all default"];

/** @throws {RunError} when `ip` fails */
export async function readInterfaces(): Promise<HostInterface[]> {
  const printed = await run(["ip", "-j", "-details", "-batch", "-"], { input: `${QUESTIONS.join("\n")}\n` });
  return parseAnswers(printed, sysfs);
}

/** What one `ip -j -details -batch -` has printed, a list a line, nothing for an empty one: told apart by what is in it. */
export function parseAnswers(printed: string, facts: DeviceFacts): HostInterface[] {
  const lines = printed.split("\n");
  const links = lines.flatMap((line) => listOf(LINK, line));
  const routes = lines.flatMap((line) => listOf(ROUTE, line)).filter(({ dst }) => dst !== "");
  const defaults = routes.filter(({ dst, table }) => dst === "default" && table === "main");
  const onLink = routes.filter(({ dst }) => dst !== "default");
  return interfacesOf(links, defaults, onLink, facts);
}
