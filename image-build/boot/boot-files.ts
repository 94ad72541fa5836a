import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Board } from "../board.ts";
import type { FatFile } from "../disk/fat.ts";
import type { Placed } from "../disk/partition-table.ts";
import { grubBootFiles, grubControlFiles, grubSectors } from "./grub.ts";
import { raspberryBootFiles, raspberryControlFiles } from "./raspberry-pi.ts";

/** What stands before the first partition. */
export function firstSectors(board: Board, unpacked: string): { code: Uint8Array; rest: Placed[] } {
  return board.bootLoader === "grub" ? grubSectors(unpacked) : { code: new Uint8Array(0), rest: [] };
}

/** A slot's boot partition: the same files in both. */
export function bootFiles(board: Board, unpacked: string, initramfs: Uint8Array): FatFile[] {
  const kernel = kernelOf(unpacked);
  const files = [
    { path: "vmlinuz", bytes: kernel },
    { path: "initrd", bytes: initramfs },
  ];
  const own = board.bootLoader === "grub" ? grubBootFiles(board) : raspberryBootFiles(board, unpacked);
  return [...files, ...own];
}

/** The first partition, which people see when they put the card into a computer. */
export function controlFiles(project: string, board: Board, unpacked: string): FatFile[] {
  const loader = board.bootLoader === "grub" ? grubControlFiles(unpacked) : raspberryControlFiles(unpacked);
  return [...loader, ...peoplesFiles(join(project, "image-build/control"))];
}

/** What is for people stands in a folder of its own. */
function peoplesFiles(folder: string): FatFile[] {
  if (!existsSync(folder)) return [];
  return [...new Bun.Glob("**/*").scanSync({ cwd: folder })]
    .sort()
    .map((path) => ({ path, bytes: readFileSync(join(folder, path)) }));
}

function kernelOf(unpacked: string): Uint8Array {
  const folder = join(unpacked, "boot");
  const [name, ...others] = readdirSync(folder).filter((name) => name.startsWith("vmlinuz-"));
  if (name === undefined || others.length > 0) throw new Error(`${folder} has not one kernel`);
  return readFileSync(join(folder, name));
}
