import type { Config } from "../../config/index.ts";
import type { HostInterface } from "../../host/interfaces.ts";
import type { UplinkKind } from "./uplink-device.ts";
import type { LinkState } from "./uplink-health.ts";

export const MOST_UPLINKS = 16;
const DEFAULT_WEIGHT = 10;
const NAMED_PRIORITY = 10;
const PRIORITIES: Record<UplinkKind, number> = { ethernet: 20, wifi: 30, tethering: 40, modem: 50 };

/** A way to the internet as it is configured, or found. */
export interface KnownUplink {
  readonly interface: string;
  /** undefined where it is not known what it is. */
  readonly kind: UplinkKind | undefined;
  readonly priority: number;
  readonly metered: boolean;
  /** Beside others of the same priority. */
  readonly weight: number;
}

/** The interfaces that the configuration names, in its order. */
export function namedUplinks({ gateway, mesh, uplinks }: Config): string[] {
  const names = [
    gateway.uplink.interface,
    ...mesh.traffic.uplinks.map((one) => one.interface),
    ...uplinks.links.map((one) => one.interface),
  ];
  return [...new Set(names)].filter((name) => name !== "");
}

/**
 * Interfaces that lead to the internet without having been named: those of a kind that may, which are nobody's port and
 * not the guests', and which have a default route. So access points and meshes, and wires to neighbours, are none. Pure.
 */
export function foundUplinks(
  interfaces: readonly HostInterface[],
  { gateway, mesh, uplinks }: Config,
  kindOf: (name: string) => UplinkKind | undefined,
): string[] {
  if (!uplinks.find) return [];
  const taken = new Set([gateway.bridge, ...gateway.interfaces, ...mesh.exclude]);
  return interfaces
    .filter(({ name, master, hasWayOut }) => hasWayOut && master === undefined && !taken.has(name))
    .map(({ name }) => name)
    .filter((name) => kindOf(name) !== undefined);
}

/** What is configured of an interface, and else follows from what it is. Pure. */
export function knownUplink(name: string, config: Config, kind: UplinkKind | undefined): KnownUplink {
  const { gateway, mesh, uplinks } = config;
  const link = uplinks.links.find((one) => one.interface === name);
  const spread = mesh.traffic.uplinks.find((one) => one.interface === name);
  const isNamed = spread !== undefined || gateway.uplink.interface === name;
  const isPaid = mesh.metered.includes(name) || kind === "modem" || kind === "tethering";
  const ofKind = isNamed || kind === undefined ? NAMED_PRIORITY : PRIORITIES[kind];
  return {
    ...{ interface: name, kind },
    priority: link === undefined || link.priority === 0 ? ofKind : link.priority,
    metered: link === undefined || link.metered === "auto" ? isPaid : link.metered,
    weight: spread?.weight ?? DEFAULT_WEIGHT,
  };
}

/** What an interface has of its own. Pure. */
export function linkState(found: HostInterface | undefined): LinkState {
  if (found === undefined) return "absent";
  if (!found.up || !found.carrier) return "unplugged";
  if (familyOf(found) === undefined) return "no-address";
  return found.hasWayOut ? "up" : "no-route";
}

/**
 * The family by which it is asked: that of its routers, IPv4 where it has both; an address alone, such as the operator's own
 * on a wire of IPv6, leads nowhere. On a line, which has no routers, that of its addresses.
 */
export function familyOf({ addresses, routers = [] }: HostInterface): 4 | 6 | undefined {
  const usable = addresses.filter((one) => !/^(fe80:|169\.254\.)/i.test(one));
  const has = (list: readonly string[], mark: "." | ":") => list.some((one) => one.includes(mark));
  const isBoth = has(usable, ".") && has(usable, ":");
  if (isBoth && routers.length > 0) return has(routers, ".") ? 4 : 6;
  if (has(usable, ".")) return 4;
  return has(usable, ":") ? 6 : undefined;
}

/**
 * Those of the system's name servers that this link can have told: not those on the network of another interface. Pure.
 */
export function resolversOf(
  resolvers: readonly string[],
  name: string,
  interfaces: readonly HostInterface[],
): string[] {
  const others = interfaces.filter((one) => one.name !== name).flatMap(({ addresses }) => addresses);
  return resolvers.filter((resolver) => !others.some((network) => isIn(resolver, network)));
}

/** Whether an IPv4 address is in a network such as "192.0.2.7/24"; false for IPv6. */
function isIn(address: string, network: string): boolean {
  const [base = "", length = "32"] = network.split("/");
  if (address.includes(":") || base.includes(":")) return false;
  const bits = (text: string) => text.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
  const size = 2 ** (32 - Number(length));
  return Math.floor(bits(address) / size) === Math.floor(bits(base) / size);
}
