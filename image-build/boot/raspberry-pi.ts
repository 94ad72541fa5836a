import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Board } from "../board.ts";
import type { FatFile } from "../disk/fat.ts";
import { DISK_ID } from "../disk/layout.ts";
import { firstAutoboot } from "../rauc/first-choice.ts";
import { unsupportedPiProgram } from "./unsupported-pi.ts";

/** Device trees of boards that Debian's kernel starts, without what only 32 bits have. */
const DEVICE_TREE = /^bcm(2710|2711|2712|2837)-.*\.dtb$/;
/** The firmware's own parts for one boot (raspberrypi.com, "Boot folder contents"); "4" are the Pi 4's. */
const FIRMWARE = /^(start|fixup)(4)?\.(elf|dat)$/;

/** The first partition: which slot starts, and what a Pi 3 and a Zero 2 W read before they know of slots. */
export function raspberryControlFiles(unpacked: string): FatFile[] {
  const bootcode = join(unpacked, "usr/lib/raspi-firmware/bootcode.bin");
  return [
    { path: "autoboot.txt", bytes: Buffer.from(firstAutoboot()) },
    { path: "bootcode.bin", bytes: readFileSync(bootcode) },
  ];
}

/** What a slot has beside its kernel. */
export function raspberryBootFiles(board: Board, unpacked: string): FatFile[] {
  const firmware = join(unpacked, "usr/lib/raspi-firmware");
  return [
    ...readdirSync(firmware)
      .filter((name) => FIRMWARE.test(name))
      .sort()
      .map((name) => ({ path: name, bytes: readFileSync(join(firmware, name)) })),
    { path: "bootcode.bin", bytes: readFileSync(join(firmware, "bootcode.bin")) },
    ...deviceTrees(unpacked),
    { path: UNSUPPORTED, bytes: unsupportedPiProgram() },
    { path: "config.txt", bytes: Buffer.from(CONFIG) },
    { path: "cmdline.txt", bytes: Buffer.from(`${commandLine(board)}\n`) },
  ];
}

/** The kernel of boards that the box does not run on. */
const UNSUPPORTED = "unsupported.img";

function commandLine(board: Board): string {
  return [`omerta.disk=${DISK_ID.toString(16).padStart(8, "0")}`, ...board.kernelArguments].join(" ");
}

export const CONFIG = `# Read by the Raspberry Pi's firmware before anything else (raspberrypi.com, "config.txt").
# Debian's kernel, of 64 bits, with the device trees that came with it.
arm_64bit=1
kernel=vmlinuz
initramfs initrd followkernel
upstream_kernel=1
enable_uart=1
# A screen that is plugged in later shows something too.
hdmi_force_hotplug=1
disable_overscan=1
# Boards that cannot run the box say so. Of what goes by "pi0", the Zero 2 W can.
${["pi1", "pi2", "pi0"].map((board) => `[${board}]\narm_64bit=0\nkernel=${UNSUPPORTED}\n`).join("")}[pi02]
arm_64bit=1
kernel=vmlinuz
[all]
`;

function deviceTrees(unpacked: string): FatFile[] {
  const above = join(unpacked, "usr/lib");
  const folder = readdirSync(above).find((name) => name.startsWith("linux-image-"));
  const trees = join(above, folder ?? "", "broadcom");
  if (folder === undefined || !existsSync(trees)) throw new Error(`${above} has no device trees`);
  return readdirSync(trees)
    .filter((name) => DEVICE_TREE.test(name))
    .sort()
    .map((name) => ({ path: name, bytes: readFileSync(join(trees, name)) }));
}
