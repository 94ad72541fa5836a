import type { Accelerator, Architecture, DomainPlan } from "./domain-plan.ts";
import type { DomainIdentity } from "./renamed-domain.ts";

/** What all lent machines of a box have in common. */
export interface MachineHouse {
  architecture: Architecture;
  accelerator: Accelerator;
  /** The control group of all machines, which must be there. */
  partition: string | undefined;
  /** Whom QEMU runs as, in libvirt's form. Undefined: as libvirt is configured. */
  owner: { name: string } | undefined;
  isMemoryHeld: boolean;
}

/** What a machine starts from. */
export interface MachineBoot {
  kernel: string;
  initrd: string;
  kernelCommandLine: string;
}

/** A lent machine as libvirt is told of it, the same for one that boots and for one that was saved. */
export function machinePlan(
  { architecture, accelerator, partition, owner, isMemoryHeld }: MachineHouse,
  { kernel, initrd, kernelCommandLine }: MachineBoot,
  size: { cpus: number; memoryMiB: number },
  identity: DomainIdentity,
): DomainPlan {
  return {
    ...identity,
    ...{ architecture, accelerator, partition, owner: owner?.name },
    vcpus: size.cpus,
    memoryMiB: size.memoryMiB,
    boot: { kernel, initrd, commandLine: kernelCommandLine },
    limits: { isMemoryHeld, cpuPercent: undefined, shares: undefined },
  };
}
