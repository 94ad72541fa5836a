import { z } from "zod";
import type { TrafficConfig } from "../../config/traffic-schema.ts";
import { run } from "../../host/run.ts";
import type { LocalInterface } from "../discovery/discovery-interface.ts";
import { isInPrefix } from "../discovery/ip-address.ts";
import type { Uplink, UplinkFamily } from "./uplink-plan.ts";

/** A default route as `ip -j route show default` gives it (ip-route(8)); what else it says is not read. */
const defaultRoutes = z.array(
  z.object({ dev: z.string(), gateway: z.string().optional(), prefsrc: z.string().optional() }),
);
export type DefaultRoute = z.output<typeof defaultRoutes>[number];

/** The default routes of both families. @throws {RunError} */
export async function readDefaultRoutes(): Promise<{ ipv4: DefaultRoute[]; ipv6: DefaultRoute[] }> {
  const [ipv4, ipv6] = await Promise.all(
    ["-4", "-6"].map(async (family) =>
      defaultRoutes.parse(JSON.parse((await run(["ip", family, "-j", "route", "show", "default"])) || "[]")),
    ),
  );
  return { ipv4: ipv4 ?? [], ipv6: ipv6 ?? [] };
}

/**
 * The configured ways to the internet as they are now, in the configuration's order: what others (DHCP, router
 * advertisements) have found of routers, and whether the interface has a carrier. Whether anything answers beyond the
 * router is not known here. Pure.
 */
export function findUplinks(
  configured: TrafficConfig["uplinks"],
  routes: { ipv4: readonly DefaultRoute[]; ipv6: readonly DefaultRoute[] },
  interfaces: readonly LocalInterface[],
): Uplink[] {
  return configured.map(({ interface: name, weight }) => {
    const link = interfaces.find((one) => one.name === name);
    const ipv4 = familyOf(routes.ipv4, name, link);
    const ipv6 = familyOf(routes.ipv6, name, link);
    return {
      interface: name,
      weight,
      metered: link?.metered ?? false,
      healthy: link?.up === true && (ipv4 !== undefined || ipv6 !== undefined),
      ...(ipv4 ? { ipv4 } : {}),
      ...(ipv6 ? { ipv6 } : {}),
    };
  });
}

function familyOf(
  routes: readonly DefaultRoute[],
  name: string,
  link: LocalInterface | undefined,
): UplinkFamily | undefined {
  const route = routes.find(({ dev }) => dev === name);
  if (!route) return undefined;
  const { gateway, prefsrc } = route;
  const onLink = link?.addresses.find((text) => gateway !== undefined && isInPrefix(gateway, text));
  const source = prefsrc ?? onLink?.split("/")[0];
  // A router's link-local address is on the link by every interface's fe80::/64, which is no address to send from.
  const isOwn = source !== undefined && !source.startsWith("fe80:");
  return { ...(gateway === undefined ? {} : { gateway }), ...(isOwn ? { source } : {}) };
}
