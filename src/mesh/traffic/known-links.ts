import type { Config } from "../../config/index.ts";
import type { Link } from "./queue-plan.ts";

/**
 * Links whose rate is known, and the ways to the internet whether it is known or not. Pure.
 * @param guestClasses the classes that the gateway's firewall gives its guests, on links that they may leave by
 */
export function knownLinks(
  { gateway: { uplink }, mesh: { traffic }, uplinks }: Config,
  guestClasses: readonly string[],
): Link[] {
  const rates = new Map(traffic.links.map((link) => [link.interface, link.up_kbit]));
  if (uplink.interface !== "" && uplink.up_kbit > 0) rates.set(uplink.interface, uplink.up_kbit);
  const named = [...traffic.uplinks, ...uplinks.links].map((one) => one.interface);
  const guestsLeaveBy = uplink.allow ? [uplink.interface, ...named] : [];
  const names = new Set([...rates.keys(), uplink.interface, ...named]);
  names.delete("");
  return [...names].map((name) => {
    const upKbit = rates.get(name);
    if (upKbit === undefined) return { name };
    return { name, upKbit, ...(guestsLeaveBy.includes(name) ? { guestClasses } : {}) };
  });
}
