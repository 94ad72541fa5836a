import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { run } from "../src/host/run.ts";
import { APP_FOLDER } from "./app/app-folder.ts";
import { bundleApp } from "./app/bundle.ts";
import { makeExecutable } from "./app/executable.ts";
import { runTimePackages } from "./app/run-time-packages.ts";
import { NODE_ARCHITECTURE } from "./board.ts";
import { bootFiles, controlFiles, firstSectors } from "./boot/boot-files.ts";
import { cacheOf, readCommit } from "./commit.ts";
import { debianBase } from "./debian/base.ts";
import { makeData } from "./disk/data.ts";
import { makeFat } from "./disk/fat.ts";
import { partition } from "./disk/layout.ts";
import { partitionTable } from "./disk/partition-table.ts";
import { makeSquashfs } from "./disk/squashfs.ts";
import { appendVerity } from "./disk/verity.ts";
import { writeImage } from "./disk/write-image.ts";
import { guestImage } from "./guest-image.ts";
import type { Progress } from "./host/progress.ts";
import { makeInitramfs } from "./initramfs/make-initramfs.ts";
import { findFirmware } from "./kernel/firmware.ts";
import { makeModuleTree } from "./kernel/module-tree.ts";
import type { ImageOptions } from "./options.ts";
import { appFiles, filesBelow, firmwareFiles, ownUnitLinks, systemFiles } from "./rootfs/own-files.ts";
import { debianUnitLinks, maskingLinks } from "./rootfs/units.ts";
import { writeRoot } from "./rootfs/write-root.ts";

const EXTRACT_TIMEOUT_MS = 300_000;

export interface BuildOptions extends ImageOptions {
  /** Certificates of whose updates the box installs (PEM). */
  keyringText: string;
}

export interface BuiltImage {
  /** The image's file. */
  image: string;
  /** Parts of an update: a slot's boot files and its root. */
  boot: string;
  root: string;
  version: string;
  seconds: number;
  rootHash: string;
  /** Names of modules that the lists have and the kernel has not. */
  unknownModules: string[];
  /** Where the npm packages lie that something in it is from. */
  npmPlaces: string[];
  base: string;
  unpacked: string;
}

/** Builds an image from the project's folder. @throws {Error} of what has failed */
export async function buildImage(
  project: string,
  options: BuildOptions,
  progress: Progress,
): Promise<BuiltImage> {
  const { board, isForLab, again, level, keyringText } = options;
  const cache = cacheOf(project);
  const work = join(cache, `work-${board.name}`);
  mkdirSync(work, { recursive: true });
  mkdirSync(options.into, { recursive: true });
  const { version, seconds } = await readCommit(project);

  progress.step("Debian's packages");
  const { tar } = await debianBase({ project, board, cache, again, progress });
  const unpacked = await unpackedOf(tar);

  progress.step("the kernel's modules and their firmware");
  const list = (name: string) => readFileSync(join(import.meta.dir, "modules", name), "utf8");
  const modulesInto = join(work, "modules");
  const modules = await makeModuleTree({
    unpacked,
    lists: [list("all.txt"), list(`${board.name}.txt`), ...(isForLab ? [list("lab.txt")] : [])],
    into: modulesInto,
  });
  const firmware = findFirmware(unpacked, [...modules.firmware, ...board.firmware]);

  progress.step("the program");
  const app = await bundleApp(project);
  const packages = await runTimePackages(project, board, join(cache, "npm"));
  const executable = await makeExecutable(app.files, {
    ...{ bun: packages.bun, appFolder: APP_FOLDER, work },
    architecture: NODE_ARCHITECTURE[board.architecture],
  });

  progress.step("what virtual machines start from");
  const guest = await guestImage(project, board, progress);

  progress.step("the root file system");
  const overlay = filesBelow(join(project, "rootfs-overlay"), "");
  const own = [
    ...systemFiles(board, version, tar, keyringText),
    ...overlay,
    // What would be too much on a Debian of one's own, to which the overlay is copied too.
    ...filesBelow(join(import.meta.dir, "rootfs/overlay"), ""),
    ...ownUnitLinks(overlay),
    ...debianUnitLinks(tar),
    ...maskingLinks(),
    ...appFiles(executable, packages.files),
    ...filesBelow(join(modulesInto, "lib/modules"), "usr/lib/modules"),
    ...firmwareFiles(firmware),
    ...guest,
  ];
  const root = join(work, "root.squashfs");
  await makeSquashfs(root, (write) => writeRoot(tar, own, write, seconds), { seconds, level, progress });
  const verity = appendVerity(root);

  progress.step("the first file system and the boot loader");
  const initramfs = await makeInitramfs({
    ...{ base: tar, unpacked, modules: modulesInto, version: modules.version, verity, work },
    list: list("first.txt"),
  });
  const boot = join(work, "boot.fat");
  const fat = { seconds, work };
  await makeFat(boot, partition("boot-a"), bootFiles(board, unpacked, initramfs), {
    ...fat,
    ...{ label: "OMERTA-BOOT" },
  });
  const control = join(work, "control.fat");
  await makeFat(control, partition("control"), controlFiles(project, board, unpacked), {
    ...fat,
    ...{ label: "OMERTA" },
  });
  const data = join(work, "data.ext4");
  await makeData(data, seconds);

  progress.step("the image");
  const name = `omerta-box-${board.name}${isForLab ? "-lab" : ""}`;
  const image = join(options.into, `${name}.img`);
  const { code, rest } = firstSectors(board, unpacked);
  writeImage(
    `${image}.unfinished`,
    [...partitionTable(code), ...rest],
    [
      ["control", control],
      ["boot-a", boot],
      ["root-a", root],
      ["data", data],
    ],
  );
  renameSync(`${image}.unfinished`, image);
  return {
    ...{ image, boot, root, version, seconds, base: tar, unpacked },
    rootHash: verity.rootHash,
    unknownModules: modules.unknown,
    npmPlaces: [
      ...new Set([...app.packages, ...packages.names.map((name) => `node_modules/${name}`)]),
    ].sort(),
  };
}

/** Takes out of Debian's part what was not installed; once. */
async function unpackedOf(tar: string): Promise<string> {
  const folder = tar.replace(/\.tar$/, ".unpacked");
  if (existsSync(folder)) return join(folder, "unpacked");
  const work = `${folder}.unfinished`;
  rmSync(work, { recursive: true, force: true });
  mkdirSync(work, { recursive: true });
  await run(["tar", "-xf", tar, "-C", work, "--no-same-owner", "./unpacked"], {
    timeoutMs: EXTRACT_TIMEOUT_MS,
  });
  // Of lists of packages that are no more.
  const others = `${basename(tar).replace(/-[0-9a-f]+\.tar$/, "")}-`;
  for (const name of readdirSync(dirname(tar)))
    if (name.startsWith(others) && name.endsWith(".unpacked"))
      rmSync(join(dirname(tar), name), { recursive: true });
  renameSync(work, folder);
  return join(folder, "unpacked");
}
