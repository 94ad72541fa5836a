import type { Demos } from "../demo/index.ts";
import { leaseNames } from "../guest-link.ts";
import type { Lender } from "../lending/index.ts";
import type { DomainInfo } from "../libvirt/index.ts";
import type { Pool } from "../pool/index.ts";

/** Those who have machines. */
export interface MachineOwners {
  lender: Pick<Lender, "onDomain"> & {
    leases(): readonly { lease: { machine: { names: { domain: string } } } }[];
  };
  demos: Pick<Demos, "onDomainGone"> & { live(): readonly { id: string }[] };
  pool: Pick<Pool, "ids" | "onDomain">;
}

/**
 * Tells of machines that ended while libvirt was away, when nobody told of them.
 * @param domains that there are now
 */
export function tellOfGone(
  domains: readonly Pick<DomainInfo, "name">[],
  { lender, demos, pool }: MachineOwners,
): void {
  const there = new Set(domains.map(({ name }) => name));
  const gone = (names: readonly string[]) => names.filter((name) => !there.has(name));
  const ended = (name: string) => ({ name, uuid: "", kind: "stopped", detail: "failed" }) as const;
  // A lease whose machine had waited has that one's name.
  for (const name of gone(lender.leases().map(({ lease }) => lease.machine.names.domain)))
    lender.onDomain(ended(name));
  for (const name of gone(demos.live().map(({ id }) => leaseNames(id).domain))) demos.onDomainGone(name);
  for (const name of gone(pool.ids.map((id) => leaseNames(id).domain))) pool.onDomain(ended(name));
}
