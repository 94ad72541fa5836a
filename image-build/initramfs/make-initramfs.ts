import { copyFileSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { run } from "../../src/host/run.ts";
import { withSbin } from "../disk/fat.ts";
import type { Verity } from "../disk/verity.ts";
import { selectModules } from "../kernel/module-list.ts";
import { readContents, readTar, type TarEntry } from "../tar/read-tar.ts";
import { type CpioFile, cpio } from "./cpio.ts";

export interface InitramfsOptions {
  /** Debian's part of the image, a tar. */
  base: string;
  /** Its packages that are not installed, and what was made in it. */
  unpacked: string;
  /** With `lib/modules/VERSION`, as the image has it. */
  modules: string;
  version: string;
  /** Of `modules/first.txt`. */
  list: string;
  verity: Verity;
  /** A folder for what is made on the way. */
  work: string;
}

const FOLDER = 0o040755;
const PROGRAM = 0o100755;
const FILE = 0o100644;
const SYMBOLIC = "2";

/**
 * The first file system: busybox, dmsetup with its libraries, the modules that find a disk, and `init`. What of a slot may be
 * started stands in it too: the root's hash.
 * @returns packed with zstd
 */
export async function makeInitramfs(options: InitramfsOptions): Promise<Uint8Array> {
  const { base, unpacked, modules, version, list, verity, work } = options;
  const files: CpioFile[] = [
    { path: "init", mode: PROGRAM, bytes: readFileSync(join(import.meta.dir, "init")) },
    {
      path: "verity",
      mode: FILE,
      bytes: Buffer.from(`VERITY_BLOCKS=${verity.dataBlocks}\nVERITY_ROOT=${verity.rootHash}\n`),
    },
    ...programs(base, readFileSync(join(unpacked, "dmsetup.txt"), "utf8").split("\n").filter(Boolean)),
    ...(await firstModules(join(modules, "lib/modules", version), version, list, work)),
  ];
  return Bun.zstdCompressSync(cpio(withFolders(files)), { level: 12 });
}

/** Libraries are asked for by the names in `libraries`, which may be links. */
function programs(base: string, libraries: readonly string[]): CpioFile[] {
  const entries = new Map(readTar(base).map((entry) => [entry.path, entry]));
  const take = (from: string, to: string): CpioFile => ({
    path: to,
    mode: PROGRAM,
    bytes: readContents(base, resolved(entries, from)),
  });
  return [
    take("usr/bin/busybox", "bin/busybox"),
    take("usr/sbin/dmsetup", "sbin/dmsetup"),
    ...libraries.map((path) => take(path.replace(/^\//, ""), path.replace(/^\//, ""))),
  ];
}

/** Follows links, of which Debian has some from `lib` to `usr/lib`. */
function resolved(entries: ReadonlyMap<string, TarEntry>, path: string): TarEntry {
  let at = path.replace(/^(s?bin|lib\w*)\//, "usr/$1/");
  for (let hops = 0; hops < 8; hops++) {
    const entry = entries.get(at);
    if (entry === undefined) break;
    if (entry.type !== SYMBOLIC) return entry;
    at = entry.target.startsWith("/") ? entry.target.slice(1) : join(dirname(at), entry.target);
    at = at.replace(/^(s?bin|lib\w*)\//, "usr/$1/");
  }
  throw new Error(`the system has no ${path}`);
}

async function firstModules(
  folder: string,
  version: string,
  list: string,
  work: string,
): Promise<CpioFile[]> {
  const paths = [...new Bun.Glob("**/*.ko").scanSync({ cwd: join(folder, "kernel") })].sort();
  const dependencies = new Map(
    readFileSync(join(folder, "modules.dep"), "utf8")
      .split("\n")
      .map((line) => line.split(":"))
      .map(([path = "", needs = ""]) => [path, needs.split(" ").filter(Boolean)] as const),
  );
  const { files } = selectModules(list, paths, readFileSync(join(folder, "modules.builtin"), "utf8"));
  const chosen = new Set(
    files.flatMap(({ path }) => [`kernel/${path}`, ...(dependencies.get(`kernel/${path}`) ?? [])]),
  );
  const tree = join(work, "first-modules");
  rmSync(tree, { recursive: true, force: true });
  const target = join(tree, "lib/modules", version);
  for (const path of [...chosen].sort()) {
    mkdirSync(dirname(join(target, path)), { recursive: true });
    copyFileSync(join(folder, path), join(target, path));
  }
  for (const name of ["modules.builtin", "modules.order"])
    copyFileSync(join(folder, name), join(target, name));
  await run(["depmod", "-b", tree, version], { env: { PATH: withSbin() }, timeoutMs: 60_000 });
  // busybox reads the tables as text.
  return [...new Bun.Glob("**/*").scanSync({ cwd: tree })]
    .sort()
    .filter((path) => path.endsWith(".ko") || /modules\.(dep|alias|symbols|builtin)$/.test(path))
    .map((path) => ({ path, mode: FILE, bytes: readFileSync(join(tree, path)) }));
}

function withFolders(files: readonly CpioFile[]): CpioFile[] {
  const folders = new Set<string>(["bin", "sbin", "dev", "proc", "sys", "run", "new"]);
  for (const { path } of files)
    for (let above = dirname(path); above !== "."; above = dirname(above)) folders.add(above);
  return [
    ...[...folders].sort().map((path) => ({ path, mode: FOLDER, bytes: new Uint8Array(0) })),
    ...[...files].sort((a, b) => (a.path < b.path ? -1 : 1)),
  ];
}
