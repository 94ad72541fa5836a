import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { run } from "../../src/host/run.ts";
import { withSbin } from "../disk/fat.ts";
import { type ModuleFile, moduleInfo, moduleName, selectModules } from "./module-list.ts";

export interface ModuleTreeOptions {
  /** The kernel's package, unpacked. */
  unpacked: string;
  /** Lists as in `modules/`. */
  lists: readonly string[];
  /** Where `lib/modules/VERSION` is made, anew. */
  into: string;
}

export interface ModuleTree {
  version: string;
  /** Names of the lists that this kernel does not have. */
  unknown: string[];
  /** What the modules ask for, below `firmware/`; may have `*`. */
  firmware: string[];
}

const TIMEOUT_MS = 300_000;

/** @returns the folder of the modules of an unpacked kernel, and its version */
export function unpackedModules(unpacked: string): { folder: string; version: string } {
  const above = ["usr/lib/modules", "lib/modules"].map((path) => join(unpacked, path)).find(existsSync);
  const [version, ...others] = above ? readdirSync(above) : [];
  if (above === undefined || version === undefined || others.length > 0)
    throw new Error(`${unpacked} has not one kernel's modules`);
  return { folder: join(above, version), version };
}

/**
 * Takes the modules of the lists, and what they depend on, and lets depmod(8) write down which is which. They are unpacked:
 * the squashfs packs better, and busybox cannot read them otherwise.
 */
export async function makeModuleTree({ unpacked, lists, into }: ModuleTreeOptions): Promise<ModuleTree> {
  const { folder, version } = unpackedModules(unpacked);
  const paths = [...new Bun.Glob("**/*.ko{,.xz,.zst}").scanSync({ cwd: join(folder, "kernel") })].sort();
  const files = new Map(paths.map((path) => [moduleName(path), { name: moduleName(path), path }]));
  const builtin = readFileSync(join(folder, "modules.builtin"), "utf8");
  const { files: chosen, unknown } = selectModules(lists.join("\n"), paths, builtin);
  const target = join(into, "lib/modules", version);
  rmSync(target, { recursive: true, force: true });
  const taken = new Map<string, string>();
  const firmware = new Set<string>();
  for (let wave: readonly ModuleFile[] = chosen; wave.length > 0; ) {
    for (const { name, path } of wave) taken.set(name, path);
    await unpackInto(join(target, "kernel"), join(folder, "kernel"), wave);
    const needed = new Map<string, ModuleFile>();
    for (const { path } of wave) {
      const module = readFileSync(join(target, "kernel", plainPath(path)));
      for (const name of moduleInfo(module, "firmware")) firmware.add(name);
      const depends = moduleInfo(module, "depends").flatMap((value) => value.split(","));
      for (const name of depends.map(moduleName)) {
        const file = files.get(name);
        if (file && !taken.has(name)) needed.set(name, file);
      }
    }
    wave = [...needed.values()];
  }
  for (const name of ["modules.builtin", "modules.builtin.modinfo", "modules.order"])
    copyFileSync(join(folder, name), join(target, name));
  await run(["depmod", "-b", into, version], { env: { PATH: withSbin() }, timeoutMs: TIMEOUT_MS });
  return { version, unknown, firmware: [...firmware].sort() };
}

const plainPath = (path: string): string => path.replace(/\.(xz|zst)$/, "");

async function unpackInto(target: string, from: string, files: readonly ModuleFile[]): Promise<void> {
  const packed: string[] = [];
  for (const { path } of files) {
    mkdirSync(dirname(join(target, path)), { recursive: true });
    copyFileSync(join(from, path), join(target, path));
    if (path.endsWith(".xz")) packed.push(path);
  }
  if (packed.length === 0) return;
  await run(["xargs", "-0", "xz", "-d", "--"], {
    cwd: target,
    input: packed.join("\0"),
    timeoutMs: TIMEOUT_MS,
  });
}
