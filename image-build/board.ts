/** Debian's names for processors that images are made for. */
export type Architecture = "amd64" | "arm64";

/** What starts the kernel: GRUB from the disk's first sectors or by UEFI, or the Raspberry Pi's own firmware. */
export type BootLoader = "grub" | "raspberry-pi";

export interface Board {
  name: "pc-amd64" | "rpi-arm64";
  architecture: Architecture;
  bootLoader: BootLoader;
  /** For people. */
  title: string;
  /** The kernel's package, whose dependency is the newest one. */
  kernelPackage: string;
  /** Beside what the modules ask for by name; may have `*`. */
  firmware: readonly string[];
  /** Behind what the boot loader adds. */
  kernelArguments: readonly string[];
}

/** Of both: the screen and the serial line show how it starts; what was there last is where programs print (kernel-parameters.txt). */
const COMMON = ["quiet", "panic=10", "systemd.show_status=yes"];

export const BOARDS: Record<Board["name"], Board> = {
  "pc-amd64": {
    name: "pc-amd64",
    architecture: "amd64",
    bootLoader: "grub",
    title: "PCs with a 64-bit processor (BIOS or UEFI)",
    kernelPackage: "linux-image-amd64",
    firmware: [],
    kernelArguments: ["console=tty0", "console=ttyS0,115200", ...COMMON],
  },
  "rpi-arm64": {
    name: "rpi-arm64",
    architecture: "arm64",
    bootLoader: "raspberry-pi",
    title: "Raspberry Pi 3, 4, Zero 2 W and CM4 (64-bit)",
    kernelPackage: "linux-image-arm64",
    // Its driver looks for a file of the very board too, whose name it makes up.
    firmware: ["brcm/brcmfmac43*-sdio.raspberrypi,*", "brcm/brcmfmac43*-sdio.*", "cypress/cyfmac43*-sdio*"],
    kernelArguments: ["console=tty0", "console=ttyS1,115200", "console=ttyAMA0,115200", ...COMMON],
  },
};

/** How Node and npm call the processors. */
export const NODE_ARCHITECTURE: Record<Architecture, "x64" | "arm64"> = { amd64: "x64", arm64: "arm64" };
