import { z } from "zod";
import type { TrafficConfig } from "../../config/index.ts";
import type { LocalInterface } from "../discovery/discovery-interface.ts";
import { isInPrefix } from "../discovery/ip-address.ts";
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
export function parseLinks(json: string, metered: readonly string[]): UplinkLink[] {
  return (addressList.safeParse(parsedJson(json)).data ?? []).map(({ ifname, flags, addr_info }) => ({
    name: ifname,
    up: flags.includes("UP") && flags.includes("LOWER_UP"),
    metered: metered.includes(ifname),
    addresses: addr_info.flatMap(({ local, prefixlen }) =>
      local === undefined ? [] : [`${local}/${prefixlen}`],
    ),
  }));
}

/** The configured ways to the internet as they are at each call: routes, wires and whether routers answer. */
export function uplinkLook(
  configured: TrafficConfig["uplinks"],
  metered: readonly string[],
  run: Runner,
): () => Promise<Uplink[]> {
  const watch = new RouterWatch(run);
  const show = async (...what: string[]) => (await run(["ip", ...what])).stdout;
  return async () => {
    const routes = {
      ipv4: parseDefaultRoutes(await show("-4", "-j", "route", "show", "default")),
      ipv6: parseDefaultRoutes(await show("-6", "-j", "route", "show", "default")),
    };
    const links = parseLinks(await show("-j", "addr"), metered);
    const found = findUplinks(configured, routes, links, () => false);
    const silent = await watch.silent(found.flatMap(routersOf));
    return findUplinks(configured, routes, links, silent);
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
  configured: TrafficConfig["uplinks"],
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
