import { existsSync } from "node:fs";
import { join } from "node:path";

/** A file of firmware: where it lies, and its name below `firmware/`. */
export interface FirmwareFile {
  from: string;
  name: string;
}

/** A driver names the newest version that it knows; older ones serve it too (iwlwifi's `IWL_*_UCODE_API_MAX`). */
const VERSIONED = /-\d+\.ucode$/;

/**
 * Finds what modules ask for in unpacked packages.
 * @param names as in the modules; may have `*`
 */
export function findFirmware(unpacked: string, names: readonly string[]): FirmwareFile[] {
  const folders = ["usr/lib/firmware", "lib/firmware"].map((path) => join(unpacked, path)).filter(existsSync);
  const there = new Map(
    folders.flatMap((folder) =>
      [...new Bun.Glob("**/*").scanSync({ cwd: folder, followSymlinks: true })].map(
        (name) => [name, join(folder, name)] as const,
      ),
    ),
  );
  const all = [...there.keys()].sort();
  const found = new Set(names.flatMap((name) => fitting(name, all)));
  return [...found].sort().map((name) => ({ name, from: there.get(name) ?? "" }));
}

/** Of a versioned one only the newest that is there. */
export function fitting(name: string, all: readonly string[]): string[] {
  if (all.includes(name)) return [name];
  if (name.includes("*")) {
    const glob = new Bun.Glob(name);
    return all.filter((one) => glob.match(one));
  }
  if (!VERSIONED.test(name)) return [];
  const stem = name.replace(VERSIONED, "-");
  const version = (one: string) => Number(/-(\d+)\.ucode$/.exec(one)?.[1]);
  const others = all.filter(
    (one) => one.startsWith(stem) && VERSIONED.test(one) && one.replace(VERSIONED, "-") === stem,
  );
  return others
    .filter((one) => version(one) <= version(name))
    .sort((a, b) => version(b) - version(a))
    .slice(0, 1);
}
