import { z } from "zod";
import { isInPrefix } from "../../host/ip-address.ts";
import type { LocalInterface } from "../discovery/discovery-interface.ts";
import { parsedJson } from "./parsed-json.ts";
import type { Runner } from "./queue-applier.ts";
import { type Router, RouterWatch } from "./router-watch.ts";
import type { Uplink, UplinkFamily } from "./uplink-plan.ts";

const hop = z.object({ dev: z.string().optional(), gateway: z.string().optional() });
/** Default routes as `ip -j route show default` gives them (ip-route(8)); what else it says is not read. */
const routeList = z.array(hop.extend({ prefsrc: z.string().optional(), nexthops: z.array(hop).default([]) }));

export interface DefaultRoute {
  readonly dev: string;
  readonly gateway?: string | undefined;
  readonly prefsrc?: string | undefined;
}

export interface DefaultRoutes {
  readonly ipv4: readonly DefaultRoute[];
  readonly ipv6: readonly DefaultRoute[];
}

/** In the order of `ip`, the lowest metric first. */
export function parseDefaultRoutes(json: string): DefaultRoute[] {
  return (routeList.safeParse(parsedJson(json)).data ?? []).flatMap(({ prefsrc, nexthops, ...first }) =>
    [first, ...nexthops].flatMap(({ dev, gateway }) =>
      dev === undefined ? [] : [{ dev, gateway, prefsrc }],
    ),
  );
}

export type UplinkLink = Pick<LocalInterface, "name" | "up" | "metered" | "addresses">;

const addressList = z.array(
  z.object({
    ifname: z.string(),
    flags: z.array(z.string()).default([]),
    addr_info: z
      .array(z.object({ local: z.string().optional(), prefixlen: z.number().optional() }))
      .default([]),
  }),
);

/** The interfaces, of `ip -j addr`. */
export function parseLinks(json: string, isMetered: (name: string) => boolean): UplinkLink[] {
  return (addressList.safeParse(parsedJson(json)).data ?? []).map(({ ifname, flags, addr_info }) => ({
    name: ifname,
    up: flags.includes("UP") && flags.includes("LOWER_UP"),
    metered: isMetered(ifname),
    addresses: addr_info.flatMap(({ local, prefixlen }) =>
      local === undefined ? [] : [`${local}/${prefixlen}`],
    ),
  }));
}

/** A way to the internet as it is known before anybody looks. */
export type ConfiguredUplink = Pick<Uplink, "interface" | "weight">;

/**
 * The ways to the internet as they are at each call: routes, wires and whether routers answer.
 * @param known all of them, in an order that stays the same
 */
export function uplinkLook(
  known: () => readonly ConfiguredUplink[],
  isMetered: (name: string) => boolean,
  run: Runner,
): () => Promise<Uplink[]> {
  const watch = new RouterWatch(run);
  const show = async (...what: string[]) => (await run(["ip", ...what])).stdout;
  return async () => {
    const configured = known();
    const routes = {
      ipv4: parseDefaultRoutes(await show("-4", "-j", "route", "show", "default")),
      ipv6: parseDefaultRoutes(await show("-6", "-j", "route", "show", "default")),
    };
    const links = parseLinks(await show("-j", "addr"), isMetered);
    const found = findUplinks(configured, routes, links, () => false);
    const silent = await watch.silent(found.flatMap(routersOf));
    return findUplinks(configured, routes, links, silent);
  };
}

/**
 * The same, healthy being only those that are to be used now. A single way that is free to use needs no order: the
 * kernel's own routes do, and it is given without any.
 */
export function uplinksInUse(
  look: () => Promise<Uplink[]>,
  inUse: () => readonly string[],
): () => Promise<Uplink[]> {
  return async () => {
    const all = await look();
    const chosen = all.map((one) => ({ ...one, healthy: one.healthy && inUse().includes(one.interface) }));
    const present = chosen.filter(({ ipv4, ipv6 }) => ipv4 !== undefined || ipv6 !== undefined);
    if (present.length > 1 || present.some(({ metered }) => metered)) return chosen;
    return chosen.map(({ ipv4: _, ipv6: __, ...one }) => one);
  };
}

const routersOf = ({ interface: name, ipv4, ipv6 }: Uplink): Router[] =>
  [ipv4, ipv6].flatMap((family) =>
    family?.gateway === undefined ? [] : [{ interface: name, address: family.gateway }],
  );

/**
 * The configured ways to the internet, in the configuration's order: what others (DHCP, router advertisements) have
 * found of routers, whether the interface has a carrier, and which routers are silent. Whether anything answers beyond
 * the router is not known here. Pure.
 */
export function findUplinks(
  configured: readonly ConfiguredUplink[],
  routes: DefaultRoutes,
  links: readonly UplinkLink[],
  isSilent: (router: Router) => boolean,
): Uplink[] {
  return configured.map(({ interface: name, weight }) => {
    const link = links.find((one) => one.name === name);
    const [ipv4, ipv6] = [routes.ipv4, routes.ipv6].map((all) => familyOf(all, name, link, isSilent));
    const answers = [ipv4, ipv6].some((family) => family !== undefined && family.silent !== true);
    return {
      interface: name,
      weight,
      metered: link?.metered ?? false,
      healthy: link?.up === true && answers,
      ...(ipv4 ? { ipv4 } : {}),
      ...(ipv6 ? { ipv6 } : {}),
    };
  });
}

function familyOf(
  routes: readonly DefaultRoute[],
  name: string,
  link: UplinkLink | undefined,
  isSilent: (router: Router) => boolean,
): UplinkFamily | undefined {
  const route = routes.find(({ dev }) => dev === name);
  if (!route) return undefined;
  const { gateway, prefsrc } = route;
  const onLink = link?.addresses.find((text) => gateway !== undefined && isInPrefix(gateway, text));
  const source = prefsrc ?? onLink?.split("/")[0];
  // A router's link-local address is on the link by every interface's fe80::/64, which is no address to send from.
  const isOwn = source !== undefined && !source.startsWith("fe80:");
  const silent = gateway !== undefined && isSilent({ interface: name, address: gateway });
  return {
    ...(gateway === undefined ? {} : { gateway }),
    ...(isOwn ? { source } : {}),
    ...(silent ? { silent } : {}),
  };
}
