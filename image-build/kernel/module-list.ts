import { namesIn } from "../debian/package-list.ts";

/** A module of the kernel's package. */
export interface ModuleFile {
  /** With `_` where the file may have `-`. */
  name: string;
  /** Below `kernel/`, such as `fs/squashfs/squashfs.ko.xz`. */
  path: string;
}

export interface Selection {
  files: ModuleFile[];
  /** Names of the list that the kernel neither has as a module nor built in. */
  unknown: string[];
}

/**
 * @param paths of all modules below `kernel/`
 * @param builtin the kernel's `modules.builtin`
 */
export function selectModules(list: string, paths: readonly string[], builtin: string): Selection {
  const all = paths.map((path) => ({ name: moduleName(path), path }));
  const inside = new Set(builtin.split("\n").map(moduleName));
  const chosen = new Map<string, ModuleFile>();
  const unknown: string[] = [];
  for (const line of namesIn(list)) {
    const isLeftOut = line.startsWith("-");
    const wanted = line.replace(/^-/, "");
    const fitting = all.filter(({ name, path }) =>
      wanted.endsWith("/") ? path.startsWith(wanted) : name === moduleName(wanted),
    );
    if (fitting.length === 0 && !inside.has(moduleName(wanted))) unknown.push(wanted);
    for (const file of fitting)
      if (isLeftOut) chosen.delete(file.name);
      else chosen.set(file.name, file);
  }
  return { files: [...chosen.values()], unknown };
}

/** `kernel/lib/crc-ccitt.ko.xz` is `crc_ccitt`. */
export function moduleName(path: string): string {
  return (path.split("/").at(-1) ?? "").replace(/\.ko(\.xz|\.zst)?$/, "").replaceAll("-", "_");
}

/** What a module says of itself (`MODULE_INFO` in the kernel's module.h): values of one key, in its order. */
export function moduleInfo(module: Buffer, key: string): string[] {
  const values: string[] = [];
  const sought = Buffer.from(`\0${key}=`);
  for (let at = module.indexOf(sought); at >= 0; at = module.indexOf(sought, at + 1)) {
    const end = module.indexOf(0, at + 1);
    values.push(module.subarray(at + sought.length, end < 0 ? module.length : end).toString("latin1"));
  }
  return values;
}
