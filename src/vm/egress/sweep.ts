import { readdirSync } from "node:fs";
import { type LeaseNames, NAME_PREFIXES } from "../guest-link.ts";
import { namespaces } from "./namespace.ts";
import { wireGuardGoProcesses } from "./tunnel-device.ts";

const DIGITS = "[0-9a-f]{10}";
const named = (prefix: string) => new RegExp(`^${prefix}(${DIGITS})$`);
const PATTERNS = [NAME_PREFIXES.namespace, NAME_PREFIXES.tap, NAME_PREFIXES.tunnel].map(named);

/**
 * The names of everything of virtual machines' egress on this box: namespaces, TAPs and tunnels in the box's own
 * namespace, processes of wireguard-go.
 */
export function egressLeftovers(): LeaseNames[] {
  const links = readdirSync("/sys/class/net");
  const processes = wireGuardGoProcesses().map(({ device }) => device);
  return leftoversIn([...namespaces(), ...links, ...processes]);
}

/** @param things names of whatever there is on the box; those of other parts and programs are left out */
export function leftoversIn(things: readonly string[]): LeaseNames[] {
  const found = new Set<string>();
  for (const thing of things) {
    for (const pattern of PATTERNS) {
      const digits = pattern.exec(thing)?.[1];
      if (digits !== undefined) found.add(digits);
    }
  }
  return [...found].sort().map((digits) => ({
    namespace: `${NAME_PREFIXES.namespace}${digits}`,
    tap: `${NAME_PREFIXES.tap}${digits}`,
    tunnel: `${NAME_PREFIXES.tunnel}${digits}`,
    domain: `${NAME_PREFIXES.domain}${digits}`,
  }));
}
