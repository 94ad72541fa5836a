import { randomUUID } from "node:crypto";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { type Libvirt, LibvirtError, savedStateOf } from "../libvirt/index.ts";
import type { OverlayStore } from "../overlay/index.ts";
import type { FileRun } from "./checkpoint-seal.ts";
import type { Checkpoints, MachineToSave } from "./checkpoints.ts";

/** It could not be saved, and its machine is there as before, without a processor. */
export class NotSavedError extends Error {
  override readonly name = "NotSavedError";
}

export interface SavingGround {
  libvirt: Pick<Libvirt, "save">;
  overlays: Pick<OverlayStore, "room" | "destroy">;
  checkpoints: Pick<Checkpoints, "promise">;
}

/** Of devices and of what else is no memory of the guest: some MiB with the machines that are lent. */
const DEVICES_MIB = 64;
const MIB = 1_048_576;

/** An id that no lease has, for a folder of its own among the disks of leases. */
const roomId = (): string => randomUUID().replaceAll("-", "");

/**
 * Saves a machine that stands still, and ends it. What QEMU writes lies in memory, or on a medium by a key that is kept
 * nowhere, and is gone when this returns; what stays is sealed for its requester.
 * @param machine `disk`: path of its overlay, which nobody writes to any more then
 * @throws {NotSavedError} the machine is there; whatever else is thrown, it is not, or nobody knows
 */
export async function saveMachine(
  { libvirt, overlays, checkpoints }: SavingGround,
  machine: Omit<MachineToSave, "state" | "disk"> & {
    lease: string;
    requester: string;
    domain: string;
    disk: string | undefined;
  },
): Promise<void> {
  const { lease, requester, domain, disk: diskPath, ...what } = machine;
  const room = roomId();
  const stateMiB = what.resources.memoryMiB + DEVICES_MIB;
  const files: FileRun[] = [];
  const opened = async (path: string, from: number): Promise<FileRun> => {
    const file = await open(path, "r");
    const run = { file, from, bytes: (await file.stat()).size - from };
    files.push(run);
    return run;
  };
  const disk = await orNotSaved(async () => (diskPath === undefined ? undefined : opened(diskPath, 0)));
  try {
    const mostBytes = stateMiB * MIB + (disk?.bytes ?? 0);
    const promised = await orNotSaved(async () => checkpoints.promise(lease, requester, mostBytes));
    try {
      const path = join(await orNotSaved(() => overlays.room(room, stateMiB)), "state");
      await libvirt.save(domain, path).catch((error: unknown) => {
        // What was refused has not begun, or was put back; of what was not answered nobody knows.
        throw error instanceof LibvirtError ? new NotSavedError(error.message) : error;
      });
      const state = await opened(path, await savedStateOf(path));
      // Once more: what QEMU had not written to its disk before it has now.
      if (disk) disk.bytes = (await disk.file.stat()).size;
      await promised.save({ ...what, state, disk });
    } finally {
      promised.leave();
    }
  } finally {
    for (const { file } of files) await file.close();
    await overlays.destroy(room);
  }
}

async function orNotSaved<T>(task: () => Promise<T>): Promise<T> {
  try {
    return await task();
  } catch (error) {
    throw new NotSavedError(error instanceof Error ? error.message : String(error));
  }
}
