import { readdirSync, readFileSync } from "node:fs";

/** A sensor's word or number is shorter. */
const MAX_TEXT = 64;

/**
 * What a file of the kernel's /sys says, without the line's end; undefined where there is none. A sensor that answers with
 * an error (EAGAIN, EIO) says nothing this time; RAPL's counters are for root alone (CVE-2020-8694).
 */
export function sysfsText(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8").slice(0, MAX_TEXT).trim();
  } catch {
    return undefined;
  }
}

/** Sorted names in a folder of /sys that match, `most` of them at the most; none where there is no such folder. */
export function sysfsNames(folder: string, pattern: RegExp, most: number): string[] {
  try {
    return readdirSync(folder)
      .filter((name) => pattern.test(name))
      .sort()
      .slice(0, most);
  } catch {
    return [];
  }
}
