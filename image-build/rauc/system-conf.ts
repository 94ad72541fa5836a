import { type Board, compatibleOf } from "./boards.ts";

/** Where the certificates lie in the image by which bundles are believed, all in one file, one after the other. */
export const KEYRING_PATH = "/etc/rauc/keyring.pem";

/**
 * RAUC's `/etc/rauc/system.conf` of a board (https://rauc.readthedocs.io/en/latest/reference.html#system-configuration-file).
 *
 * The slots' devices are links that udev makes for the disk that the box started from (`61-omerta-slots.rules`): another
 * medium with a copy of the image can be in the box as well. What was installed is not made the next to start: the daemon
 * does that when the box may be restarted.
 */
export function raucSystemConf(board: Board): string {
  return [
    "[system]",
    `compatible=${compatibleOf(board)}`,
    "bootloader=custom",
    // The whole bundle is under a tree of hashes whose root is signed: what was not signed is never even mounted.
    "bundle-formats=verity",
    "data-directory=/data/rauc",
    // The root is read-only.
    "mountprefix=/run/rauc",
    "activate-installed=false",
    "",
    "[keyring]",
    `path=${KEYRING_PATH}`,
    // A box may have no clock: what counts is that the certificate held when the bundle was signed.
    "use-bundle-signing-time=true",
    "",
    "[handlers]",
    "bootloader-custom-backend=/usr/lib/omerta-box/boot-slot",
    "",
    ...slots("A", 0),
    ...slots("B", 1),
  ].join("\n");
}

function slots(name: "A" | "B", index: number): string[] {
  const letter = name.toLowerCase();
  return [
    `[slot.rootfs.${index}]`,
    `device=/dev/omerta/root-${letter}`,
    "type=raw",
    `bootname=${name}`,
    "",
    `[slot.boot.${index}]`,
    `device=/dev/omerta/boot-${letter}`,
    "type=raw",
    `parent=rootfs.${index}`,
    "",
  ];
}
