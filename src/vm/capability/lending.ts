import type { Capability } from "../../mesh/index.ts";
import type { MemoryInfo } from "./memory-info.ts";

/** What this box has, measured, and what was found out about it. */
export interface LendingInventory {
  /** As Debian names it: "amd64", "arm64". */
  architecture: string;
  /** Whether the processor runs virtual machines itself, as a try has shown. */
  acceleration: "kvm" | "emulation";
  cpus: number;
  memory: MemoryInfo;
  /** What is free now on the medium for encrypted overlays; 0: there is none. */
  freeMediumMiB: number;
  /** Overlays may be in memory. */
  overlaysInMemory: boolean;
  /** Names of images that are there, whole and checked. */
  images: readonly string[];
  /** Thousandths of one core's time that everything on the box uses now. */
  load: number;
}

/** What the box keeps for itself, and how much it takes on. */
export interface LendingReserve {
  cpus: number;
  memoryMiB: number;
  diskMiB: number;
  maxLeases: number;
  /** What of a machine is no lease's: QEMU itself, about so much a lease. */
  overheadMiB: number;
}

/** What one lease was promised, and what it uses of it. */
export interface LentResources {
  cpus: number;
  memoryMiB: number;
  diskMiB: number;
  /** Its overlay is in memory, not on a medium. */
  diskInMemory: boolean;
  /** What its processes have in memory now; undefined: unknown, as before it is started. */
  usedMemoryMiB: number | undefined;
  /** What its overlay takes now; undefined: unknown. */
  usedDiskMiB: number | undefined;
}

/** What this box can lend, is lending, and could lend now. Whole numbers; MiB. */
export interface LendingCapability {
  architecture: string;
  acceleration: "kvm" | "emulation";
  images: readonly string[];
  load: number;
  total: { cpus: number; memoryMiB: number };
  lent: { cpus: number; memoryMiB: number; diskMiB: number };
  /** The most that one new lease could get of each; all 0 while no further one is taken. A disk in memory takes of the memory. */
  free: { cpus: number; memoryMiB: number; diskMiB: number };
  leases: number;
  maxLeases: number;
}

const sumOf = (leases: readonly LentResources[], of: (lease: LentResources) => number) =>
  leases.reduce((sum, lease) => sum + of(lease), 0);
const atLeastNone = (value: number) => Math.max(0, Math.floor(value));

/**
 * What can be lent now. What was promised counts as gone, whether it is used or not: a lease that takes up its memory
 * late must find it. Processors are promised once only, although they could be shared.
 */
export function lendingOf(
  inventory: LendingInventory,
  reserve: LendingReserve,
  leases: readonly LentResources[],
): LendingCapability {
  const { cpus, memory } = inventory;
  const inMemory = (lease: LentResources) =>
    lease.memoryMiB + reserve.overheadMiB + (lease.diskInMemory ? lease.diskMiB : 0);
  const used = (lease: LentResources) =>
    (lease.usedMemoryMiB ?? 0) + (lease.diskInMemory ? (lease.usedDiskMiB ?? 0) : 0);
  // The kernel says what is available beside what is in use; so what was promised beyond that goes from it.
  const promisedMiB = sumOf(leases, (lease) => Math.max(0, inMemory(lease) - used(lease)));
  const onMedium = leases.filter(({ diskInMemory }) => !diskInMemory);
  const promisedDiskMiB = sumOf(onMedium, (lease) => Math.max(0, lease.diskMiB - (lease.usedDiskMiB ?? 0)));
  const total = {
    cpus: atLeastNone(cpus - reserve.cpus),
    memoryMiB: atLeastNone(memory.totalMiB - reserve.memoryMiB),
  };
  const lent = {
    cpus: sumOf(leases, (lease) => lease.cpus),
    memoryMiB: sumOf(leases, (lease) => lease.memoryMiB),
    diskMiB: sumOf(leases, (lease) => lease.diskMiB),
  };
  const isFull = leases.length >= reserve.maxLeases || inventory.images.length === 0;
  const freeMemoryMiB =
    Math.min(
      memory.availableMiB - reserve.memoryMiB - promisedMiB,
      total.memoryMiB - sumOf(leases, inMemory),
    ) - reserve.overheadMiB;
  const free = {
    cpus: atLeastNone(total.cpus - lent.cpus),
    memoryMiB: atLeastNone(freeMemoryMiB),
    diskMiB: atLeastNone(
      Math.max(
        inventory.freeMediumMiB - reserve.diskMiB - promisedDiskMiB,
        inventory.overlaysInMemory ? freeMemoryMiB : 0,
      ),
    ),
  };
  return {
    architecture: inventory.architecture,
    acceleration: inventory.acceleration,
    images: inventory.images,
    load: atLeastNone(inventory.load),
    total,
    lent,
    free: isFull || free.cpus === 0 ? { cpus: 0, memoryMiB: 0, diskMiB: 0 } : free,
    leases: leases.length,
    maxLeases: reserve.maxLeases,
  };
}

/** What a record has room for (mesh/directory/peer-record.ts). */
const MOST = { cpus: 4_096, memoryMiB: 2 ** 24, leases: 10_000 };

/** What other boxes are told of it, in the signed record; undefined when there is nothing to lend at all. */
export function forRecord({
  total,
  free,
  leases,
  maxLeases,
  images,
}: LendingCapability): Capability | undefined {
  if (images.length === 0 || maxLeases === 0 || total.cpus === 0 || total.memoryMiB === 0) return undefined;
  return {
    cpus: Math.min(MOST.cpus, total.cpus),
    memoryMiB: Math.min(MOST.memoryMiB, total.memoryMiB),
    freeMemoryMiB: Math.min(MOST.memoryMiB, free.memoryMiB),
    leases: Math.min(MOST.leases, leases),
    maxLeases: Math.min(MOST.leases, maxLeases),
  };
}

/** The machine's load in thousandths of a core, as {@link LendingInventory.load}. */
export const loadOf = ({ busyMs, wholeMs }: { busyMs: number; wholeMs: number }, cpus: number): number =>
  Math.round((1_000 * cpus * busyMs) / wholeMs);

/** Debian's name of what this process runs on. */
export const debianArchitecture = (arch: string = process.arch): string =>
  ({ x64: "amd64", ia32: "i386", arm: "armhf" })[arch] ?? arch;
