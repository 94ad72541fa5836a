import type { HostInterface } from "../../host/interfaces.ts";
import type { LocalInterface } from "../discovery/discovery-interface.ts";
import type { Link } from "./queue-plan.ts";

/**
 * The links on which there is an order: those that the mesh uses, and those that are known by name (the guests' uplink,
 * links of known rate) wherever they exist, also where the mesh does not use them. Pure.
 */
export function trafficLinks(
  interfaces: readonly LocalInterface[],
  known: readonly Link[],
  host: readonly HostInterface[],
): Link[] {
  const used = interfaces
    .filter(({ kind, up }) => up && (kind === "ethernet" || kind === "radio"))
    .map(({ name }) => known.find((link) => link.name === name) ?? { name });
  const isUp = (name: string) => host.some((one) => one.name === name && one.up && one.carrier);
  return [...used, ...known.filter(({ name }) => !used.some((link) => link.name === name) && isUp(name))];
}
