/** `memory`: tmpfs; `encrypted`: a medium, by a key that is nowhere but in the kernel. */
export type OverlayMedium = "memory" | "encrypted";

export interface MediumChoice {
  sizeMiB: number;
  /** The kernel's estimate of what can be given out. */
  availableMemoryMiB: number;
  /** What has to stay available. */
  keptMemoryMiB: number;
  /** What all overlays in memory together may have, what they may have already, and what of that they do not use yet. */
  memoryShareMiB: number;
  memoryTakenMiB: number;
  memoryUnusedMiB: number;
  /** Free on the medium for encrypted ones; undefined: there is none, or this kernel cannot encrypt. */
  freeMediumMiB: number | undefined;
  keptMediumMiB: number;
}

/** Memory first: what never was on a medium needs no key to be gone. */
export function chooseMedium(choice: MediumChoice): { medium: OverlayMedium } | { refused: string } {
  const { sizeMiB, availableMemoryMiB, keptMemoryMiB, memoryShareMiB, memoryTakenMiB, memoryUnusedMiB } =
    choice;
  // What others were promised and do not use yet is available still, and will not be.
  const memoryMiB = Math.min(
    availableMemoryMiB - keptMemoryMiB - memoryUnusedMiB,
    memoryShareMiB - memoryTakenMiB,
  );
  if (sizeMiB <= memoryMiB) return { medium: "memory" };
  const { freeMediumMiB, keptMediumMiB } = choice;
  if (freeMediumMiB === undefined)
    return {
      refused: `${sizeMiB} MiB are more than the ${Math.max(0, Math.floor(memoryMiB))} MiB that memory has for disks`,
    };
  if (mediumSizeMiB(sizeMiB) <= freeMediumMiB - keptMediumMiB) return { medium: "encrypted" };
  return { refused: `${sizeMiB} MiB fit neither into memory nor onto the medium` };
}

/** What a qcow2 of 64 KiB clusters needs beside its data: 8 bytes of table and 2 of counter a cluster, and its head. */
export const qcow2SizeMiB = (sizeMiB: number): number => Math.ceil(sizeMiB * (1 + 1 / 4_096)) + 4;

/** What of a medium it takes with a file system around it (ext4: inodes of 256 bytes for every 16 KiB, and groups' tables). */
export const mediumSizeMiB = (sizeMiB: number): number => Math.ceil(qcow2SizeMiB(sizeMiB) * 1.03) + 16;
