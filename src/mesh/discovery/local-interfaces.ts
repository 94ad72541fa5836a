import type { HostInterface } from "../../host/interfaces.ts";
import type { LocalInterface } from "./discovery-interface.ts";

export interface LocalInterfacesConfig {
  /** Interfaces that are not the mesh's, with all their ports: the guests' bridge, devices of virtual machines. */
  exclude: readonly string[];
  /** Those whose volume is paid for or scarce. */
  metered: readonly string[];
  /** Where the operator knows better what an interface is, as a directional radio behind an Ethernet port. */
  kinds: Readonly<Record<string, "radio" | "ethernet">>;
}

const KINDS = {
  ethernet: "ethernet",
  bridge: "ethernet",
  wifi: "radio",
  batman: "radio",
  loopback: "loopback",
  line: "tunnel",
  tunnel: "tunnel",
  other: "tunnel",
} as const;

/**
 * The interfaces that the mesh may use, down ones included. Left out are those that the operator excludes, their
 * ports, and every port of a bridge or of batman-adv, since its master has its addresses. A tunnel is given with its
 * kind and is used by nobody: what goes through it would be a path inside a path. A line (PPP, a cellular modem) that
 * leads a default route is a way to the internet as a wire is, with nobody to be found on it.
 */
export function localInterfaces(
  interfaces: readonly HostInterface[],
  config: LocalInterfacesConfig,
): LocalInterface[] {
  return interfaces
    .filter(({ name, master }) => !config.exclude.includes(name) && master === undefined)
    .map(({ name, index, kind, up, carrier, addresses, hasWayOut, shadowed }) => ({
      name,
      index,
      kind:
        (Object.hasOwn(config.kinds, name) ? config.kinds[name] : undefined) ??
        (kind === "line" && hasWayOut ? "ethernet" : KINDS[kind]),
      ...(kind === "line" ? { isLine: true } : {}),
      up: up && carrier,
      metered: config.metered.includes(name),
      addresses,
      hasWayOut,
      ...(shadowed ? { shadowed } : {}),
    }));
}
