import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { VmConfig } from "../../config/index.ts";
import type { Clock } from "../../host/clock.ts";
import type { Logger } from "../../host/log.ts";
import { ipv4NetworksInUse } from "../../host/proc-net.ts";
import { namedUser } from "../../host/unprivileged.ts";
import { kernelWireGuard } from "../../mesh/tunnels/wireguard-process.ts";
import { parseMemoryInfo } from "../capability/index.ts";
import { type Accelerator, type Architecture, EMULATORS } from "../domain/index.ts";
import { Egress } from "../egress/index.ts";
import { GuestAgent } from "../guest-agent/index.ts";
import type { LeaseNames } from "../guest-link.ts";
import { type AimInForce, VMS_PARTITION, VmsGroup } from "../host-first/index.ts";
import type { VmImage } from "../image/index.ts";
import type { MachineGround } from "../lending/index.ts";
import { canLimitMemory, hasGuestMode } from "../libvirt/index.ts";
import { OverlayStore } from "../overlay/index.ts";
import { type ReaperOrder, SYSTEM_GROUNDS } from "../reaper/index.ts";
import { punishmentOf } from "../watch/index.ts";
import { type LendingGround, QEMU_USER } from "./lending-needs.ts";

/** Folders of what is lent, and where the reaper looks for what is left. */
export interface LendingFolders {
  /** Sockets of guests' agents, also of those that wait; and what machines that wait are made of. */
  agents: string;
  disks: string;
  volumes: string;
  /** Saved machines, sealed. */
  saved: string;
}

export const foldersOf = (runFolder: string, stateFolder: string): LendingFolders => ({
  agents: join(runFolder, "vm"),
  disks: join(runFolder, "vm-disks"),
  volumes: join(stateFolder, "vm-volumes"),
  saved: join(stateFolder, "vm-saved"),
});

/** Which machines this processor runs without help. */
export const ownArchitecture = (): Architecture => (process.arch === "arm64" ? "arm64" : "x64");

const EMULATOR_PACKAGES: Record<Architecture, string> = {
  x64: "qemu-system-x86",
  arm64: "qemu-system-arm",
};

/** Systemd's udev loads the module when it comes to the processor (sd_booted(3) says whether that is what runs this machine). */
const mayKvmCome = (): boolean =>
  existsSync("/run/systemd/system") &&
  !existsSync("/sys/class/misc/kvm") &&
  hasGuestMode(readFileSync("/proc/cpuinfo", "utf8"));

/** Looks at what this machine has. @param images that can be used */
export async function seeLendingGround(config: VmConfig, images: readonly VmImage[]): Promise<LendingGround> {
  const architecture = ownArchitecture();
  return {
    isRoot: process.getuid?.() === 0,
    has: (program) => Bun.which(program) !== null,
    emulator: EMULATORS[architecture],
    emulatorPackage: EMULATOR_PACKAGES[architecture],
    hasKernelWireGuard: await kernelWireGuard(),
    mayKvmCome: mayKvmCome(),
    owner: namedUser(QEMU_USER),
    images: images.map(({ name }) => name),
    imagesFolder: config.images,
  };
}

export interface GroundOptions {
  config: VmConfig;
  folders: LendingFolders;
  /** Networks besides those of this machine's routes that no machine may reach. */
  forbidden: readonly string[];
  owner: { uid: number; gid: number };
  accelerator: Accelerator;
  /** A machine's tunnel is gone, by nobody's order. */
  tunnelLost(names: LeaseNames): void;
  randomBytes(count: number): Uint8Array;
  clock: Clock;
  log: Logger;
}

/** For leases, for the machines that wait for them, and for visitors' alike. */
export interface HouseGround extends Omit<MachineGround, "libvirt" | "watch" | "pool" | "checkpoints"> {
  egress: Egress;
  overlays: OverlayStore;
  agentAt(socket: string): GuestAgent;
  group: readonly AimInForce[];
}

/** How much of the memory that may be lent disks may have of it. */
const DISKS_SHARE = 0.5;

/** What all machines of this box have in common, but for libvirt and the watch. */
export function lendingGround(options: GroundOptions): HouseGround {
  const { config, folders, forbidden, owner, accelerator, tunnelLost, randomBytes, clock, log } = options;
  const { totalMiB } = parseMemoryInfo(readFileSync("/proc/meminfo", "utf8"));
  const lentMiB = Math.max(0, totalMiB - config.reserve.memory_mib);
  const { partition, group } = groupOf(lentMiB, log);
  return {
    group,
    partition,
    egress: new Egress(tunnelLost),
    overlays: new OverlayStore({
      folder: folders.disks,
      mediumFolder: folders.volumes,
      memoryShareMiB: Math.floor(lentMiB * DISKS_SHARE),
      keptMemoryMiB: config.reserve.memory_mib,
      keptMediumMiB: config.reserve.disk_mib,
      swapPolicy: "encrypted",
      ...{ randomBytes, log, owner },
    }),
    agentAt: (socket) => new GuestAgent(socket),
    folder: folders.agents,
    architecture: ownArchitecture(),
    accelerator,
    owner: { name: `+${owner.uid}:+${owner.gid}`, ...owner },
    isMemoryHeld: canLimitMemory(readFileSync("/proc/self/status", "utf8")),
    punishment: punishmentOf(config.punishment),
    forbidden: () => [...new Set([...forbidden, ...ipv4NetworksInUse("")])],
    randomBytes,
    clock,
  };
}

/** Where the daemon's reaper looks for what is left of leases. */
export const reaperOrderOf = (
  runFolder: string,
  folders: LendingFolders,
  libvirtUri: string,
): ReaperOrder => ({
  runFolder,
  grounds: {
    pidFolders: [...SYSTEM_GROUNDS.pidFolders],
    cgroupParents: [...SYSTEM_GROUNDS.cgroupParents],
    hasVolumes: SYSTEM_GROUNDS.hasVolumes,
    folders: [...SYSTEM_GROUNDS.folders, folders.agents, folders.disks, folders.volumes],
  },
  libvirtUri,
  graceMs: 0,
});

function groupOf(
  lentMiB: number,
  log: Logger,
): { partition: string | undefined; group: readonly AimInForce[] } {
  try {
    const group = new VmsGroup().apply({ memoryMaxMiB: lentMiB, memoryHighMiB: undefined });
    for (const { aim, means, refused } of group)
      if (means === undefined)
        log.warn(`virtual machines are not held back in ${aim}: ${refused.join("; ")}`);
    return { partition: VMS_PARTITION, group };
  } catch (error) {
    log.warn({ error }, "virtual machines have no control group of their own");
    return { partition: undefined, group: [] };
  }
}
