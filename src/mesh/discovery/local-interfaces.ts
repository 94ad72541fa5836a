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
  tunnel: "tunnel",
  other: "tunnel",
} as const;

/**
 * The interfaces that the mesh may use, down ones included. Left out are those that the operator excludes, their
 * ports, and every port of a bridge or of batman-adv, since its master has its addresses. A tunnel is given with its
 * kind and is used by nobody: what goes through it would be a path inside a path.
 */
export function localInterfaces(
  interfaces: readonly HostInterface[],
  config: LocalInterfacesConfig,
): LocalInterface[] {
  return interfaces
    .filter(({ name, master }) => !config.exclude.includes(name) && master === undefined)
    .map(({ name, index, kind, up, carrier, addresses, hasWayOut }) => ({
      name,
      index,
      kind: (Object.hasOwn(config.kinds, name) ? config.kinds[name] : undefined) ?? KINDS[kind],
      up: up && carrier,
      metered: config.metered.includes(name),
      addresses,
      hasWayOut,
    }));
}
