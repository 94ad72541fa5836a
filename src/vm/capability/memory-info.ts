/** Of /proc/meminfo (proc_meminfo(5)), in MiB, rounded down. */
export interface MemoryInfo {
  totalMiB: number;
  /** What can be given out without anything being swapped or going short; the kernel's own estimate. */
  availableMiB: number;
  /** Sum of all swap areas; 0: none is on. */
  swapMiB: number;
}

/** /proc/meminfo without what has been in it since Linux 3.14. */
export class MemoryInfoError extends Error {
  override readonly name = "MemoryInfoError";
}

/** It has about 1,500 characters. */
const MAX_TEXT = 16_384;

/** @throws {MemoryInfoError} naming the field that is missing */
export function parseMemoryInfo(text: string): MemoryInfo {
  const bounded = text.slice(0, MAX_TEXT);
  const mib = (field: string) => {
    const kib = new RegExp(`^${field}: +(\\d{1,15}) kB$`, "m").exec(bounded)?.[1];
    if (kib === undefined) throw new MemoryInfoError(`meminfo.${field}: it is missing`);
    return Math.floor(Number(kib) / 1024);
  };
  return { totalMiB: mib("MemTotal"), availableMiB: mib("MemAvailable"), swapMiB: mib("SwapTotal") };
}
