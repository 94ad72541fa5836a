import {
  type Accelerator,
  type Architecture,
  type DomainPlan,
  domainXml,
  MACHINES,
} from "../domain/index.ts";
import type { MachineKind } from "./checkpoint-header.ts";

/** No machine is made of it: it says what all of them have. */
const ANY: Omit<DomainPlan, "architecture" | "accelerator"> = {
  name: "any",
  uuid: "00000000-0000-4000-8000-000000000000",
  vcpus: 1,
  memoryMiB: 64,
  boot: { kernel: "/kernel", initrd: undefined, commandLine: "" },
  ...{ disk: undefined, tap: undefined, consoleSocket: undefined, partition: undefined, owner: undefined },
  agentSocket: "/agent",
  limits: { isMemoryHeld: false, cpuPercent: undefined, shares: undefined },
};

/**
 * What every machine of this box is.
 * @param qemu as libvirt counts its version, see `HostInfo.hypervisorVersion`
 * @param cpuInfo /proc/cpuinfo, for machines that have the host's own processor
 */
export function machineKind(
  architecture: Architecture,
  accelerator: Accelerator,
  qemu: number,
  cpuInfo: () => string,
): MachineKind {
  const xml = domainXml({ ...ANY, architecture, accelerator });
  const [, model] = /<cpu [^>]*>\s*<model[^>]*>([^<]+)<\/model>/.exec(xml) ?? [];
  if (model === undefined && !xml.includes(HOSTS_OWN)) throw new Error("a domain says no processor");
  const cpu = model ?? `host-passthrough-${hostPart(cpuInfo())}`;
  return { architecture, accelerator, type: MACHINES[architecture], cpu, qemu };
}

const HOSTS_OWN = '<cpu mode="host-passthrough"/>';

/** Of an ARM processor, its designer and its part: "0x41-0xd08" is a Cortex-A72. */
function hostPart(cpuInfo: string): string {
  const [, designer] = /^CPU implementer\s*: (0x[0-9a-f]+)$/m.exec(cpuInfo) ?? [];
  const [, part] = /^CPU part\s*: (0x[0-9a-f]+)$/m.exec(cpuInfo) ?? [];
  return designer === undefined || part === undefined ? "unknown" : `${designer}-${part}`;
}
