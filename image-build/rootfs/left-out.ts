/** What Debian's packages bring and no box needs: paths, with `/` behind it what is in a folder, with `*` what begins so. */
const LEFT_OUT = [
  // Belongs to the machine that runs, or to the one that the image was built on.
  "dev/",
  "proc/",
  "run/",
  "sys/",
  "tmp/",
  "boot/",
  "etc/machine-id",
  "etc/hostname",
  "etc/hosts",
  "etc/resolv.conf",
  "var/cache/",
  "var/log/",
  "var/lib/apt/",
  "var/lib/dbus/machine-id",
  "var/lib/systemd/",
  // Which services start is said by `units.txt`.
  "etc/systemd/system/",
  "etc/systemd/user/",
  // Nothing is installed on a box: another version of the whole comes as an update.
  "etc/apt/",
  "etc/cron.daily/",
  "etc/init.d/",
  "usr/lib/apt/",
  "usr/share/bug/",
  "usr/share/debconf/",
  "usr/share/keyrings/",
  "usr/share/perl5/",
  "usr/share/pixmaps/",
  "usr/share/icons/",
  "usr/share/applications/",
  // What nobody reads on a box.
  "usr/share/bash-completion/",
  "usr/share/gtk-doc/",
  "usr/share/info/",
  "usr/share/lintian/",
  "usr/share/locale/",
  "usr/share/man/",
  "usr/lib/grub/",
  "usr/share/grub/",
  "unpacked/",
  // Other machines' firmware for QEMU: guests here start from their kernel.
  "usr/share/qemu/edk2-*",
  "usr/share/qemu/hppa-*",
  "usr/share/qemu/openbios-*",
  "usr/share/qemu/opensbi-*",
  "usr/share/qemu/palcode-*",
  "usr/share/qemu/s390-*",
  "usr/share/qemu/skiboot*",
  "usr/share/qemu/slof*",
  "usr/share/qemu/u-boot*",
  "usr/share/qemu/npcm*",
  "usr/share/qemu/pnv-*",
  "usr/share/qemu/ast27*",
];

/** Licences stay. */
const isDocument = (path: string): boolean => path.startsWith("usr/share/doc/") && !/\/copyright$/.test(path);

/** @param path without `/` before it */
export function isLeftOut(path: string): boolean {
  if (isDocument(path)) return !/^usr\/share\/doc\/[^/]*$/.test(path);
  return LEFT_OUT.some((one) =>
    one.endsWith("/") || one.endsWith("*") ? path.startsWith(one.replace(/\*$/, "")) : path === one,
  );
}
