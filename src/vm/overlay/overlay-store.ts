import {
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  statfsSync,
} from "node:fs";
import { join } from "node:path";
import type { Logger } from "../../host/log.ts";
import { parseMemoryInfo } from "../capability/memory-info.ts";
import { leaseNames, NAME_PREFIXES } from "../guest-link.ts";
import { chooseMedium, mediumSizeMiB, type OverlayMedium, qcow2SizeMiB } from "./choose-medium.ts";
import {
  closeVolume,
  type EncryptedVolume,
  encryptionProblem,
  forgetKey,
  mapperPath,
  mappings,
  openVolume,
} from "./encrypted-volume.ts";
import { isMounted, memorySizeMiB, mountDevice, mountMemory, readMounts, unmount } from "./mounts.ts";
import { OverlayError } from "./overlay-error.ts";
import { type BaseImage, createOverlay } from "./qcow2.ts";
import { readSwapAreas, type SwapArea, type SwapPolicy, swapProblem } from "./swap.ts";

export interface OverlayStoreOptions {
  /** Where the disks are to be found, a folder a lease: beneath /run. */
  folder: string;
  /** On a medium, for encrypted volumes; undefined: all disks are in memory. */
  mediumFolder: string | undefined;
  /** What disks in memory may have of it together, and what has to stay available beside them. */
  memoryShareMiB: number;
  keptMemoryMiB: number;
  keptMediumMiB: number;
  swapPolicy: SwapPolicy;
  /** Whom the disks belong to: what QEMU runs as. undefined: libvirt sees to it. */
  owner: { uid: number; gid: number } | undefined;
  /** From the kernel: keys are made of it. */
  randomBytes: (count: number) => Uint8Array;
  log: Logger;
  swapAreas?: () => SwapArea[];
}

/** The disk of a virtual machine, a qcow2 file that holds what differs from its image. */
export interface Overlay {
  lease: string;
  /** Absolute. */
  path: string;
  medium: OverlayMedium;
  /** As the guest sees it. */
  sizeMiB: number;
}

const DISK = "disk.qcow2";
const LEASE = /^[0-9a-f]{32}$/;
const VOLUME = /^([0-9a-f]{32})\.volume$/;

/**
 * The disks of leases: in memory, or on a medium by a key that is never stored, so that nothing of them can be read once
 * they are destroyed. Needs root. Of disks nothing is remembered: what there is, is read from the kernel each time, so that the
 * next daemon finds what a killed one left.
 */
export class OverlayStore {
  private turn: Promise<unknown> = Promise.resolve();
  private cannotEncrypt: Promise<string | undefined> | undefined;
  private readonly inUse = new Set<string>();

  constructor(private readonly options: OverlayStoreOptions) {}

  /** Why no lease may have a disk, or memory, on this machine now; undefined when it may. */
  swapProblem(): string | undefined {
    const areas = (this.options.swapAreas ?? readSwapAreas)();
    return swapProblem(areas, this.options.swapPolicy);
  }

  /**
   * @throws {OverlayError} when there is no room, swap is on that policy does not allow, or the lease has a disk already;
   * nothing is left then
   */
  create(lease: string, sizeMiB: number, base: BaseImage): Promise<Overlay> {
    return this.inTurn(() =>
      this.mounted(lease, sizeMiB, async (at, medium) => {
        const path = join(at, DISK);
        await createOverlay(path, base, sizeMiB);
        const { owner } = this.options;
        if (owner) chownSync(path, owner.uid, owner.gid);
        return { lease, path, medium, sizeMiB };
      }),
    );
  }

  /** Where the disk of a lease is, if it has one. */
  pathOf(lease: string): string {
    return join(this.options.folder, lease, DISK);
  }

  /**
   * A folder for what must not outlive a step any more than a disk may, as a machine's memory on its way into a file. It goes
   * by {@link destroy}.
   * @param id 32 hexadecimal digits that no lease has
   * @returns its path
   * @throws {OverlayError} as {@link create}
   */
  room(id: string, sizeMiB: number): Promise<string> {
    this.inUse.add(id);
    return this.inTurn(() =>
      this.mounted(id, sizeMiB, async (at) => {
        const { owner } = this.options;
        if (owner) chownSync(at, owner.uid, owner.gid);
        return at;
      }),
    );
  }

  /**
   * Its virtual machine has to be gone. Nothing happens to a lease that has no disk.
   * @throws {OverlayError} when something of it is still there
   */
  destroy(lease: string): Promise<void> {
    return this.inTurn(() => this.remove(lease)).finally(() => this.inUse.delete(lease));
  }

  /** Ids of rooms that somebody works in, for who ends what belongs to no lease. */
  get rooms(): readonly string[] {
    return [...this.inUse];
  }

  /** Destroys the disks of all leases but these. What cannot be is logged. @returns whose disks were destroyed */
  sweep(live: ReadonlySet<string>): Promise<string[]> {
    return this.inTurn(async () => {
      const swept: string[] = [];
      for (const lease of this.leases().filter((lease) => !live.has(lease))) {
        try {
          await this.remove(lease);
          swept.push(lease);
        } catch (error) {
          this.options.log.error({ error }, `the disk of lease ${lease.slice(0, 10)} cannot be destroyed`);
        }
      }
      await this.sweepMappings(live);
      return swept;
    });
  }

  /** Whose disks there are now. */
  leases(): string[] {
    const { folder, mediumFolder } = this.options;
    const folders = namesIn(folder).filter((name) => LEASE.test(name));
    const volumes = mediumFolder ? namesIn(mediumFolder).flatMap((name) => VOLUME.exec(name)?.[1] ?? []) : [];
    return [...new Set([...folders, ...volumes])];
  }

  /** A mapping whose file somebody has deleted still has its key. Its name has only the beginning of the lease's. */
  private async sweepMappings(live: ReadonlySet<string>): Promise<void> {
    const kept = new Set([...live, ...this.leases()].map((lease) => leaseNames(lease).domain));
    for (const name of await mappings(NAME_PREFIXES.domain)) {
      if (!kept.has(name)) await closeVolume({ file: "/nonexistent", name });
    }
  }

  /** Makes a file system of its own and what is to be in it, or nothing. */
  private async mounted<T>(
    lease: string,
    sizeMiB: number,
    fill: (at: string, medium: OverlayMedium) => Promise<T>,
  ): Promise<T> {
    if (!LEASE.test(lease)) throw new OverlayError(`lease: ${lease.slice(0, 40)} is no id`);
    if (!Number.isInteger(sizeMiB) || sizeMiB < 1) throw new OverlayError(`sizeMiB: ${sizeMiB} is no size`);
    const swap = this.swapProblem();
    if (swap) throw new OverlayError(swap);
    const at = join(this.options.folder, lease);
    if (existsSync(at)) throw new OverlayError(`lease: ${lease} has a disk already`);
    const medium = await this.choose(sizeMiB);
    try {
      mkdirSync(this.options.folder, { recursive: true, mode: 0o711 });
      mkdirSync(at, { mode: 0o711 });
      if (medium === "memory") await mountMemory(at, qcow2SizeMiB(sizeMiB));
      else await this.mountEncrypted(lease, sizeMiB, at);
      return await fill(at, medium);
    } catch (error) {
      await this.remove(lease);
      throw error;
    }
  }

  private async choose(sizeMiB: number): Promise<OverlayMedium> {
    const { folder, mediumFolder, memoryShareMiB, keptMemoryMiB, keptMediumMiB, log } = this.options;
    const ours = readMounts().filter(({ at, type }) => at.startsWith(`${folder}/`) && type === "tmpfs");
    const memoryTakenMiB = ours.reduce((sum, mount) => sum + (memorySizeMiB(mount) ?? 0), 0);
    const memoryUnusedMiB = ours.reduce((sum, { at }) => sum + freeMiB(at), 0);
    let freeMediumMiB: number | undefined;
    if (mediumFolder) {
      this.cannotEncrypt ??= encryptionProblem();
      const problem = await this.cannotEncrypt;
      if (problem) log.debug(`no disks on a medium: ${problem}`);
      else {
        mkdirSync(mediumFolder, { recursive: true, mode: 0o700 });
        freeMediumMiB = freeMiB(mediumFolder);
      }
    }
    const chosen = chooseMedium({
      sizeMiB,
      availableMemoryMiB: parseMemoryInfo(readFileSync("/proc/meminfo", "utf8")).availableMiB,
      keptMemoryMiB,
      memoryShareMiB,
      memoryTakenMiB,
      memoryUnusedMiB,
      freeMediumMiB,
      keptMediumMiB,
    });
    if ("refused" in chosen) throw new OverlayError(`sizeMiB: ${chosen.refused}`);
    return chosen.medium;
  }

  private async mountEncrypted(lease: string, sizeMiB: number, at: string): Promise<void> {
    const volume = this.volumeOf(lease);
    if (!volume) throw new OverlayError("there is no folder for encrypted volumes");
    await openVolume(volume, mediumSizeMiB(sizeMiB), this.options.randomBytes);
    await mountDevice(mapperPath(volume.name), at);
  }

  private volumeOf(lease: string): EncryptedVolume | undefined {
    const { mediumFolder } = this.options;
    if (!mediumFolder) return undefined;
    return { file: join(mediumFolder, `${lease}.volume`), name: leaseNames(lease).domain };
  }

  private async remove(lease: string): Promise<void> {
    if (!LEASE.test(lease)) return;
    const at = join(this.options.folder, lease);
    const volume = this.volumeOf(lease);
    const isEncrypted = volume !== undefined && existsSync(volume.file);
    if (isEncrypted) await forgetKey(volume.name);
    // Of memory it is free at once, even if somebody has the folder open. On a medium that would be written without a key.
    else rmSync(join(at, DISK), { force: true });
    await unmount(at);
    if (isEncrypted) await closeVolume(volume);
    if (existsSync(at)) rmdirSync(at);
    if (isMounted(at) || (volume && existsSync(volume.file)))
      throw new OverlayError(`lease: something of the disk of ${lease} is still there`);
  }

  /** One after the other: two at once could both find room for one. */
  private inTurn<T>(action: () => Promise<T>): Promise<T> {
    const mine = this.turn.then(action);
    this.turn = mine.catch(() => undefined);
    return mine;
  }
}

function namesIn(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder) : [];
}

function freeMiB(folder: string): number {
  const { bavail, bsize } = statfsSync(folder);
  return Math.floor((bavail * bsize) / 1_048_576);
}
