import { DOMAIN_STATES, type HeldDomain } from "../libvirt/index.ts";
import { byName, type HypervisorView } from "./hypervisor-view.ts";

/**
 * What is used here of libvirt's binding for Node. It is an optional dependency, built on the machine, so its own types may not
 * be there when ours are checked; nor is it bundled into an image: its name is no word of an import.
 */
interface HypervisorBinding {
  connectOpen(): Promise<void>;
  connectClose(): Promise<void>;
  /** virNodeGetInfo: memory in KiB. */
  nodeGetInfo(): Promise<{ model: string; memory: number; cpus: number }>;
  connectListAllDomains(): Promise<readonly DomainBinding[]>;
}

interface DomainBinding {
  getName(): Promise<string>;
  getUUIDString(): Promise<string>;
  /** virDomainGetInfo: memory in KiB. */
  getInfo(): Promise<{ state: number; memory: number; nrVirtCpu: number }>;
}

const PACKAGE: string = "@unraid/libvirt";
/** A machine that ends while it is looked at makes the look fail, and the binding does not tell that from other reasons. */
const LOOKS = 3;
const TIMEOUT_MS = 60_000;

/**
 * One look by the binding for Node. It is for short programs: it runs in the process that asks, and none of its calls has a
 * time-out of its own.
 * @returns undefined where the binding is not installed, or was not built
 * @throws what libvirt says
 */
export async function lookThroughBinding(uri: string): Promise<HypervisorView | undefined> {
  const hypervisor = await openBinding(uri);
  if (!hypervisor) return undefined;
  return inTime(
    (async () => {
      await hypervisor.connectOpen();
      try {
        return await lookBy(hypervisor);
      } finally {
        await hypervisor.connectClose();
      }
    })(),
  );
}

async function openBinding(uri: string): Promise<HypervisorBinding | undefined> {
  try {
    const { Hypervisor } = (await import(PACKAGE)) as {
      Hypervisor: new (options: { uri: string }) => HypervisorBinding;
    };
    // Only this loads what was built.
    return new Hypervisor({ uri });
  } catch {
    return undefined;
  }
}

async function lookBy(hypervisor: HypervisorBinding): Promise<HypervisorView> {
  const { model, memory, cpus } = await hypervisor.nodeGetInfo();
  for (let look = 1; ; look += 1) {
    try {
      const machines: HeldDomain[] = [];
      for (const domain of await hypervisor.connectListAllDomains()) machines.push(await heldOf(domain));
      return { host: { model, memoryKiB: memory, cpus }, machines: machines.sort(byName) };
    } catch (error) {
      if (look >= LOOKS) throw error;
    }
  }
}

async function heldOf(domain: DomainBinding): Promise<HeldDomain> {
  const { state, memory, nrVirtCpu } = await domain.getInfo();
  return {
    ...{ name: await domain.getName(), uuid: await domain.getUUIDString() },
    ...{ state: DOMAIN_STATES[state] ?? "no state", cpus: nrVirtCpu, memoryKiB: memory },
  };
}

async function inTime<T>(look: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => late.reject(new Error(`libvirt does not answer within ${TIMEOUT_MS / 1_000} s`)),
    TIMEOUT_MS,
  );
  try {
    return await Promise.race([look, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
