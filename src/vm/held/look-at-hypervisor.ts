import { Libvirt } from "../libvirt/index.ts";
import { byName, type HypervisorView } from "./hypervisor-view.ts";
import { lookThroughBinding } from "./libvirt-binding.ts";

/** By which of the two it was looked: they see the same. */
export type Through = "@unraid/libvirt" | "bun:ffi";

/**
 * One look, by the binding for Node where it is installed, and otherwise by what the box lends machines with.
 * @param uri such as `qemu:///system`
 * @throws what libvirt says, and `LibvirtUnavailableError` where it is not installed
 */
export async function lookAtHypervisor(uri: string): Promise<HypervisorView & { through: Through }> {
  const byBinding = await lookThroughBinding(uri);
  if (byBinding) return { ...byBinding, through: "@unraid/libvirt" };
  return { ...(await lookThroughLibrary(uri)), through: "bun:ffi" };
}

/** By libvirt's C library. @throws as {@link lookAtHypervisor} */
export async function lookThroughLibrary(uri: string): Promise<HypervisorView> {
  const libvirt = await Libvirt.connect({ uri });
  try {
    const { model, memoryKiB, cpus } = await libvirt.host();
    return { host: { model, memoryKiB, cpus }, machines: (await libvirt.held()).sort(byName) };
  } finally {
    await libvirt.close();
  }
}
