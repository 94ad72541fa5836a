import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Board } from "../board.ts";
import type { FatFile } from "../disk/fat.ts";
import { DISK_ID, partition, SECTOR } from "../disk/layout.ts";
import type { Placed } from "../disk/partition-table.ts";
import { firstGrubenv } from "../rauc/first-choice.ts";

/** In GRUB's `boot.img`: a jump that some BIOSes need to be left out (grub-core/boot/i386/pc/boot.S, `boot_drive_check`). */
const DRIVE_CHECK_AT = 0x66;
const NOP = 0x90;
/** What may stand in the first sector before the table. */
const CODE_BYTES = 440;

/** @param unpacked the folder with `core.img`, made in the new system, and GRUB's own files */
export function grubSectors(unpacked: string): { code: Uint8Array; rest: Placed[] } {
  const boot = readFileSync(join(unpacked, "usr/lib/grub/i386-pc/boot.img"));
  const core = readFileSync(join(unpacked, "core.img"));
  const room = (partition("control").start - 1) * SECTOR;
  if (core.length > room)
    throw new Error(`GRUB's ${core.length} bytes do not fit before the first partition`);
  // boot.img reads its next part from sector 1, and that what follows it: so both are made (diskboot.S).
  boot.set([NOP, NOP], DRIVE_CHECK_AT);
  return { code: boot.subarray(0, CODE_BYTES), rest: [{ at: 1, bytes: core }] };
}

/** What GRUB reads on the first partition, for BIOS and UEFI: which slot starts. */
export function grubControlFiles(unpacked: string): FatFile[] {
  return [
    { path: "EFI/BOOT/BOOTX64.EFI", bytes: readFileSync(join(unpacked, "bootx64.efi")) },
    { path: "grub/grub.cfg", bytes: readFileSync(join(import.meta.dir, "../rauc/grub.cfg")) },
    { path: "grubenv", bytes: Buffer.from(firstGrubenv()) },
  ];
}

/** What it reads in a slot: how it starts. */
export function grubBootFiles(board: Board): FatFile[] {
  const config = readFileSync(join(import.meta.dir, "slot.cfg"), "utf8")
    .replace("DISK_ID", DISK_ID.toString(16).padStart(8, "0"))
    .replace("KERNEL_ARGUMENTS", board.kernelArguments.join(" "));
  return [{ path: "slot.cfg", bytes: Buffer.from(config) }];
}
