import type { HeldDomain, HostInfo } from "../libvirt/index.ts";

/** All that the hypervisor of this machine holds, whoever made it. */
export interface HypervisorView {
  host: Pick<HostInfo, "model" | "memoryKiB" | "cpus">;
  /** By their names. */
  machines: HeldDomain[];
}

export const byName = (one: HeldDomain, other: HeldDomain): number =>
  one.name < other.name ? -1 : Number(one.name > other.name);
