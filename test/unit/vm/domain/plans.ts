import type { DomainPlan } from "../../../../src/vm/domain/domain-plan.ts";

/** A small machine with all that a lease's has. */
export const PLAN: DomainPlan = {
  name: "omvm-0123456789",
  uuid: "01234567-89ab-cdef-0123-456789abcdef",
  architecture: "x64",
  accelerator: "emulation",
  vcpus: 2,
  memoryMiB: 256,
  boot: { kernel: "/srv/base/vmlinuz", initrd: "/srv/base/initrd.img", commandLine: "console=ttyS0 quiet" },
  disk: "/run/vm/0123456789/overlay.qcow2",
  tap: "omt0123456789",
  agentSocket: "/run/vm/0123456789/agent",
  consoleSocket: "/run/vm/0123456789/console",
  limits: { isMemoryHeld: true, cpuPercent: 150, shares: 100 },
  partition: "/omerta-vm",
  owner: "libvirt-qemu:libvirt-qemu",
};
