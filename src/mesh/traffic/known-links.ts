import type { Config } from "../../config/index.ts";
import type { Link } from "./queue-plan.ts";

type Uplink = Config["mesh"]["traffic"]["uplinks"][number];

/** The ways to the internet that are used together: a single one needs nothing of the kind. */
export const spreadUplinks = ({ uplinks }: Config["mesh"]["traffic"]): Uplink[] =>
  uplinks.length > 1 ? uplinks : [];

/**
 * Links whose rate is known, and the ways to the internet whether it is known or not. Pure.
 * @param guestClasses the classes that the gateway's firewall gives its guests, on links that they may leave by
 */
export function knownLinks(
  { gateway: { uplink }, mesh: { traffic } }: Config,
  guestClasses: readonly string[],
): Link[] {
  const rates = new Map(traffic.links.map((link) => [link.interface, link.up_kbit]));
  if (uplink.interface !== "" && uplink.up_kbit > 0) rates.set(uplink.interface, uplink.up_kbit);
  const spread = spreadUplinks(traffic).map((one) => one.interface);
  const guestsLeaveBy = uplink.allow ? [uplink.interface, ...spread] : [];
  const names = new Set([...rates.keys(), uplink.interface, ...traffic.uplinks.map((one) => one.interface)]);
  names.delete("");
  return [...names].map((name) => {
    const upKbit = rates.get(name);
    if (upKbit === undefined) return { name };
    return { name, upKbit, ...(guestsLeaveBy.includes(name) ? { guestClasses } : {}) };
  });
}
