/** GRUB's block of variables has this size, whatever is in it (grub-core/lib/envblk.c). */
const GRUBENV_BYTES = 1_024;
/** The firmware reads 512 at the most (https://www.raspberrypi.com/documentation/computers/config_txt.html#autoboot-txt). */
const AUTOBOOT_BYTES = 480;

/** What a new image's control partition says: slot A starts, and there is nothing in slot B yet. `boot-slot` overwrites it in place. */
export const firstGrubenv = (): string =>
  "# GRUB Environment Block\nslot=A\ntrial=\nstate_A=good\nstate_B=bad\nstarts=\n".padEnd(GRUBENV_BYTES, "#");

export const firstAutoboot = (): string =>
  "[all]\ntryboot_a_b=1\nboot_partition=2\n[tryboot]\nboot_partition=3\n# state_A=good state_B=bad\n".padEnd(
    AUTOBOOT_BYTES,
    "#",
  );
