import { randomUUID } from "node:crypto";
import { chown, open } from "node:fs/promises";
import { join } from "node:path";
import { encodeSaveHeader, type Libvirt } from "../libvirt/index.ts";
import type { OverlayStore } from "../overlay/index.ts";
import type { RestoreClaim } from "./checkpoints.ts";
import { adoptOverlay } from "./restored-overlay.ts";

export interface RestoringGround {
  libvirt: Pick<Libvirt, "restore">;
  overlays: Pick<OverlayStore, "room" | "destroy">;
  owner: { uid: number; gid: number } | undefined;
}

const MIB = 1_048_576;
/** libvirt's own, so that a longer domain would fit in. */
const PADDING_BYTES = 65_536;

/**
 * Brings a saved machine back under another name, without a processor. Of the file comes only what QEMU and the guest had
 * written, and only when all of it is as it was; the domain is this box's own.
 * @param xml of the domain, as it would be started
 * @param disk its new overlay, empty, and the image beneath it; undefined: it has none
 * @throws {CheckpointError} when the file was changed; then nothing was started
 */
export async function restoreMachine(
  { libvirt, overlays, owner }: RestoringGround,
  claim: Pick<RestoreClaim, "header" | "writeTo">,
  xml: string,
  disk: { path: string; base: string } | undefined,
): Promise<void> {
  const header = encodeSaveHeader({
    ...{ version: 2, wasRunning: false, format: 0, xml, cookie: undefined },
    paddingBytes: PADDING_BYTES,
  });
  const room = randomUUID().replaceAll("-", "");
  const roomMiB = Math.ceil((header.length + claim.header.stateBytes) / MIB) + 1;
  try {
    const path = join(await overlays.room(room, roomMiB), "state");
    const state = await open(path, "wx", 0o600);
    const overlay = disk && (await open(disk.path, "r+"));
    try {
      await state.write(header, 0, header.length, 0);
      await overlay?.truncate(0);
      await claim.writeTo({ file: state, at: header.length }, overlay && { file: overlay, at: 0 });
    } finally {
      await overlay?.close();
      await state.close();
    }
    if (disk) await adoptOverlay(disk.path, disk.base, claim.header.resources.diskMiB);
    if (owner) await chown(path, owner.uid, owner.gid);
    await libvirt.restore(path);
  } finally {
    await overlays.destroy(room);
  }
}
