import { readdirSync, readlinkSync } from "node:fs";

/**
 * How many descriptors of pseudo-terminals this process holds, or of the one whose device file is `path`. Bun closes its
 * own some ms after it was told to.
 */
export function ptyDescriptors(path?: string): number {
  return readdirSync("/proc/self/fd").filter((name) => {
    try {
      const target = readlinkSync(`/proc/self/fd/${name}`);
      return path === undefined ? /^\/dev\/(ptmx|pts\/)/.test(target) : target === path;
    } catch {
      return false; // The one by which the folder is read.
    }
  }).length;
}
