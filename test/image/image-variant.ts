import {
  closeSync,
  copyFileSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { type Partition, partition, SECTOR } from "../../image-build/disk/layout.ts";
import { appendVerity } from "../../image-build/disk/verity.ts";
import { cpio } from "../../image-build/initramfs/cpio.ts";
import { run } from "../../src/host/run.ts";

const TIMEOUT_MS = 900_000;
const FILE = 0o100_644;

/** What one slot holds: files as an update brings them. */
export interface SlotContent {
  boot: string;
  root: string;
}

/** An image's system, taken apart once so that others can be made of it without building it anew. Needs root. */
export class ImageVariants {
  private constructor(
    private readonly image: string,
    private readonly folder: string,
  ) {}

  static async of(image: string, folder: string): Promise<ImageVariants> {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    const root = join(folder, "root.of-image");
    await copyOut(image, "root-a", root);
    await copyOut(image, "boot-a", join(folder, "boot.of-image"));
    const tree = join(folder, "tree");
    await run(["unsquashfs", "-no-progress", "-processors", "2", "-d", tree, root], {
      timeoutMs: TIMEOUT_MS,
    });
    rmSync(root);
    return new ImageVariants(image, folder);
  }

  /** The same system with another version and other files. @param files by their paths in the root */
  async make(version: string, files: Readonly<Record<string, string>> = {}): Promise<SlotContent> {
    const tree = join(this.folder, "tree");
    const release = join(tree, "usr/lib/os-release");
    const text = readFileSync(release, "utf8").replace(/^IMAGE_VERSION=.*$/m, `IMAGE_VERSION=${version}`);
    for (const [path, content] of Object.entries({ ...files, "usr/lib/os-release": text })) {
      mkdirSync(dirname(join(tree, path)), { recursive: true });
      // Not through a link, and not into a file that something else is.
      rmSync(join(tree, path), { force: true });
      writeFileSync(join(tree, path), content, { mode: 0o644 });
    }
    const root = join(this.folder, `root-${version}`);
    const packing = ["-comp", "zstd", "-Xcompression-level", "1", "-noappend", "-no-progress", "-quiet"];
    await run(["mksquashfs", tree, root, ...packing], { timeoutMs: TIMEOUT_MS });
    const { dataBlocks, rootHash } = appendVerity(root);
    const boot = join(this.folder, `boot-${version}`);
    copyFileSync(join(this.folder, "boot.of-image"), boot);
    // Of two files of one name in the first file system, the later one is there (early-userspace/buffer-format.rst).
    const verity = `VERITY_BLOCKS=${dataBlocks}\nVERITY_ROOT=${rootHash}\n`;
    const initrd = join(this.folder, "initrd");
    await run(["mcopy", "-o", "-i", boot, "::/initrd", initrd]);
    const first = readFileSync(initrd);
    const later = cpio([{ path: "verity", mode: FILE, bytes: Buffer.from(verity) }]);
    writeFileSync(initrd, Buffer.concat([first, new Uint8Array((4 - (first.length % 4)) % 4), later]));
    await run(["mcopy", "-o", "-i", boot, initrd, "::/initrd"]);
    return { boot, root };
  }

  /** The same boot files with another way to start. @param change of `slot.cfg` */
  async startedBy(
    content: SlotContent,
    name: string,
    change: (config: string) => string,
  ): Promise<SlotContent> {
    const boot = join(this.folder, `boot-${name}`);
    copyFileSync(content.boot, boot);
    const config = join(this.folder, "slot.cfg");
    await run(["mcopy", "-o", "-i", boot, "::/slot.cfg", config]);
    const before = readFileSync(config, "utf8");
    if (change(before) === before) throw new Error("slot.cfg is not as it was thought to be");
    writeFileSync(config, change(before));
    await run(["mcopy", "-o", "-i", boot, config, "::/slot.cfg"]);
    return { boot, root: content.root };
  }

  /** A disk with this in slot A, and files on its control partition. */
  async disk(
    path: string,
    content: SlotContent,
    mib: number,
    control: Readonly<Record<string, string>>,
  ): Promise<void> {
    await run(["cp", "--sparse=always", this.image, path], { timeoutMs: TIMEOUT_MS });
    await run(["truncate", "-s", `${mib}M`, path]);
    await copyIn(path, "boot-a", content.boot);
    await copyIn(path, "root-a", content.root);
    for (const [name, text] of Object.entries(control)) {
      const file = join(this.folder, "for-control");
      writeFileSync(file, text);
      await run(["mcopy", "-o", "-i", `${path}@@${partition("control").start * SECTOR}`, file, `::/${name}`]);
    }
  }

  /** What the trees and files take is much: what is made of them is kept by whoever wants it. */
  removeTree(): void {
    rmSync(join(this.folder, "tree"), { recursive: true, force: true });
  }
}

async function copyOut(image: string, name: Partition["name"], to: string): Promise<void> {
  const { start, sectors } = partition(name);
  const at = [`skip=${start * SECTOR}`, `count=${sectors * SECTOR}`, "iflag=skip_bytes,count_bytes"];
  await run(["dd", `if=${image}`, `of=${to}`, "bs=1M", "conv=sparse", "status=none", ...at], {
    timeoutMs: TIMEOUT_MS,
  });
}

async function copyIn(image: string, name: Partition["name"], from: string): Promise<void> {
  const { start } = partition(name);
  const at = [`seek=${start * SECTOR}`, "oflag=seek_bytes", "conv=notrunc"];
  await run(["dd", `if=${from}`, `of=${image}`, "bs=1M", "status=none", ...at], { timeoutMs: TIMEOUT_MS });
}

/** A USB stick: a FAT file system over the whole of it, with files by their names. */
export async function stickWith(
  path: string,
  files: Readonly<Record<string, string>>,
  mib: number,
): Promise<void> {
  rmSync(path, { force: true });
  await run(["mkfs.vfat", "-C", "-n", "STICK", path, String(mib * 1024)], { env: SBIN });
  for (const [name, from] of Object.entries(files))
    await run(["mcopy", "-o", "-i", path, from, `::/${name}`], { timeoutMs: TIMEOUT_MS });
}

const SBIN = { PATH: `${process.env.PATH ?? ""}:/usr/sbin:/sbin` };

/** Changes one byte of a file. */
export function changeByte(path: string, at: number): void {
  const [before = 0] = readFileSync(path).subarray(at, at + 1);
  const file = openSync(path, "r+");
  writeSync(file, Uint8Array.of(before ^ 1), 0, 1, at);
  closeSync(file);
}
