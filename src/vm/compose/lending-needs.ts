/** What a machine needs beside this program, and the Debian package that has it. */
const PROGRAMS = {
  ip: "iproute2",
  nft: "nftables",
  nsenter: "util-linux",
  tc: "iproute2",
  wg: "wireguard-tools",
} as const;

/** What was found on this machine. */
export interface LendingGround {
  isRoot: boolean;
  /** Whether a program is there, by its name or path. */
  has(program: string): boolean;
  /** QEMU for this processor: a path. */
  emulator: string;
  emulatorPackage: string;
  /** The kernel has WireGuard, so that wireguard-go is not needed. */
  hasKernelWireGuard: boolean;
  /** The processor runs guests, and the kernel has not loaded what that takes. */
  mayKvmCome: boolean;
  /** User and group of QEMU; undefined: there is none. */
  owner: { uid: number; gid: number } | undefined;
  images: readonly string[];
  imagesFolder: string;
}

/** The user that libvirt's packages make for QEMU (libvirt-daemon-system). */
export const QEMU_USER = "libvirt-qemu";

/**
 * Why this machine can lend nothing, in words for who runs it: one entry a thing that is missing, none when nothing is.
 * That libvirt answers is found out by asking it.
 */
export function lendingNeeds(ground: LendingGround): string[] {
  const { isRoot, has, emulator, emulatorPackage, hasKernelWireGuard, owner, images, imagesFolder } = ground;
  const missing = (program: string, of: string) => `${program} is missing (package ${of})`;
  return [
    ...(isRoot ? [] : ["it does not run as root"]),
    ...Object.entries(PROGRAMS).flatMap(([program, of]) => (has(program) ? [] : [missing(program, of)])),
    ...(has(emulator) ? [] : [missing(emulator, emulatorPackage)]),
    ...(hasKernelWireGuard || has("wireguard-go")
      ? []
      : ["the kernel has no WireGuard, and wireguard-go is missing (package wireguard-go)"]),
    ...(owner ? [] : [`there is no user ${QEMU_USER} (package libvirt-daemon-system)`]),
    ...(images.length > 0 ? [] : [`there is no image for virtual machines in ${imagesFolder}`]),
  ];
}
