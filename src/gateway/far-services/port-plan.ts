import { createHash } from "node:crypto";
import { FAR_PORTS } from "../../config/index.ts";

/** Ports from the first to the last, both included. */
export interface PortRange {
  first: number;
  last: number;
}

/**
 * Which port of this box stands for which far service. One that was given is kept, also while its service is away, so that
 * what a guest's browser remembers leads to the same; the first choice comes of the service's name, so that it is mostly the
 * same after a restart. Only where all are given does one whose service is away go to another, the oldest first. Pure.
 * @param kept as it was planned before, the oldest first
 * @param wanted names of services that are reachable now; those for which there is no room are left out
 * @returns all that are given now, those of `kept` included
 */
export function planPorts(
  kept: ReadonlyMap<string, number>,
  wanted: readonly string[],
  { first, last }: PortRange = FAR_PORTS,
): Map<string, number> {
  const count = last - first + 1;
  const plan = new Map(kept);
  const taken = new Set(plan.values());
  const isWanted = new Set(wanted);
  for (const name of isWanted) {
    if (plan.has(name)) continue;
    if (taken.size >= count) {
      const away = [...plan.keys()].find((one) => !isWanted.has(one));
      if (away === undefined) break;
      taken.delete(plan.get(away) ?? 0);
      plan.delete(away);
    }
    let step = firstChoice(name) % count;
    while (taken.has(first + step)) step = (step + 1) % count;
    plan.set(name, first + step);
    taken.add(first + step);
  }
  return plan;
}

const firstChoice = (name: string): number => createHash("sha256").update(name).digest().readUInt32BE();
