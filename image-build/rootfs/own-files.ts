import { lstatSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { APP_FOLDER } from "../app/app-folder.ts";
import type { Executable } from "../app/executable.ts";
import type { PackageFile } from "../app/run-time-packages.ts";
import type { Board } from "../board.ts";
import type { FirmwareFile } from "../kernel/firmware.ts";
import { KEYRING_PATH, raucSystemConf } from "../rauc/system-conf.ts";
import { readContents, readTar } from "../tar/read-tar.ts";
import type { TarFile } from "../tar/write-tar.ts";
import { enablingLinks, isOwnUnit } from "./units.ts";

const EXECUTABLE = 0o111;

/** A folder of this machine with all that is in it, as `prefix` in the image. */
export function filesBelow(folder: string, prefix: string): TarFile[] {
  return [...new Bun.Glob("**/*").scanSync({ cwd: folder, dot: true, onlyFiles: false })]
    .sort()
    .map((name) => {
      const from = join(folder, name);
      const path = join(prefix, name);
      const status = lstatSync(from);
      if (status.isSymbolicLink()) return { path, is: { link: readlinkSync(from) } };
      if (status.isDirectory()) return { path, is: { folder: true } };
      return { path, is: { from }, mode: (status.mode & EXECUTABLE) === 0 ? 0o644 : 0o755 };
    });
}

/** The units of the overlay, started as they say themselves. */
export function ownUnitLinks(overlay: readonly TarFile[]): TarFile[] {
  return overlay.flatMap(({ path, is }) =>
    isOwnUnit(path) && "from" in is ? enablingLinks(path, readFileSync(is.from, "utf8")) : [],
  );
}

export function appFiles({ file, beside }: Executable, packages: readonly PackageFile[]): TarFile[] {
  return [
    ...beside.map(
      ({ path, contents }): TarFile => ({ path: join(APP_FOLDER, path), is: { bytes: contents } }),
    ),
    ...packages.map(
      ({ path, from }): TarFile => ({ path: join(APP_FOLDER, path), is: { from }, mode: 0o644 }),
    ),
    // Where a Debian of one's own has the script that starts it.
    { path: join(APP_FOLDER, "src/cli/omerta-box"), is: { from: file }, mode: 0o755 },
    { path: "usr/bin/omerta-box", is: { link: `/${APP_FOLDER}/src/cli/omerta-box` } },
  ];
}

export function firmwareFiles(files: readonly FirmwareFile[]): TarFile[] {
  return files.map(({ name, from }) => ({ path: `usr/lib/firmware/${name}`, is: { from } }));
}

/** What is of the image itself, whoever made its parts. */
export function systemFiles(board: Board, version: string, base: string, keyring: string): TarFile[] {
  const text = (path: string, lines: string): TarFile => ({ path, is: { bytes: Buffer.from(lines) } });
  const folder = (path: string): TarFile => ({ path, is: { folder: true } });
  return [
    // Empty: each box gets its own when it first starts (machine-id(5)); the first file system brings it back from then on.
    text("etc/machine-id", ""),
    text("etc/hostname", "omerta-box\n"),
    text("etc/hosts", "127.0.0.1 localhost omerta-box\n::1 localhost ip6-localhost ip6-loopback\n"),
    { path: "etc/resolv.conf", is: { link: "/run/systemd/resolve/stub-resolv.conf" } },
    text(
      "etc/fstab",
      "/dev/omerta/control /boot/omerta vfat ro,nosuid,nodev,noexec,noatime,umask=022,nofail,x-systemd.device-timeout=60s 0 0\n",
    ),
    // No clock on the board: systemd begins no earlier than this file's time.
    text("usr/lib/clock-epoch", ""),
    text("usr/lib/os-release", `${osRelease(base)}${imageLines(board, version)}`),
    text("etc/rauc/system.conf", raucSystemConf(board.name)),
    text(KEYRING_PATH.slice(1), keyring),
    // The box lends virtual machines: libvirt is in the image.
    {
      path: "etc/systemd/system/omerta-box.service.d/lending.conf",
      is: { link: "/usr/share/omerta-box/lending.conf" },
    },
    text("etc/libvirt/qemu.conf", QEMU_CONF),
    // Nothing in it is newer than what was made of it when it was built (systemd-update-done.service(8)).
    text("etc/.updated", ""),
    text("var/.updated", ""),
    { path: "etc/systemd/system/default.target", is: { link: "/usr/lib/systemd/system/multi-user.target" } },
    folder("boot/omerta"),
    folder("data"),
    folder("etc/omerta-box"),
    folder("var/lib/omerta-box"),
    folder("var/lib/systemd"),
    folder("var/log"),
    folder("var/cache"),
  ];
}

/**
 * Of Debian's libvirt, what is not as it comes: what QEMU says goes into a file, without a program of its own that would run for
 * that; machines see /dev as it is, for nothing is kept from them that their user may not open anyhow; and nothing is noted at
 * the disks, which are in memory.
 */
const QEMU_CONF = 'stdio_handler = "file"\nnamespaces = []\nremember_owner = 0\nmax_core = 0\n';

/** What it is an image of, beside Debian's own lines (os-release(5)). */
function imageLines(board: Board, version: string): string {
  return `IMAGE_ID=omerta-box\nIMAGE_VERSION=${version}\nVARIANT_ID=${board.name}\n`;
}

function osRelease(base: string): string {
  const entry = readTar(base).find(({ path }) => path === "usr/lib/os-release");
  if (entry === undefined) throw new Error("Debian's packages have no os-release");
  return readContents(base, entry).toString("utf8");
}
