/** The kernel counts in sectors of 512 bytes, whatever the disk's are (Documentation/admin-guide/iostats.rst, field 7). */
const SECTOR = 512;
const SECTORS_WRITTEN = 9;

/**
 * How much has been written to a disk or partition since the system started, in bytes.
 * @param diskstats the text of /proc/diskstats
 * @param device its numbers, as stat(2) gives them: the upper and the lower one
 * @returns undefined where there is no such device, as for files in memory
 */
export function bytesWritten(
  diskstats: string,
  device: { major: number; minor: number },
): number | undefined {
  for (const line of diskstats.split("\n")) {
    const fields = line.trim().split(/\s+/);
    if (Number(fields[0]) !== device.major || Number(fields[1]) !== device.minor || fields.length < 10)
      continue;
    const sectors = Number(fields[SECTORS_WRITTEN]);
    return Number.isSafeInteger(sectors) ? sectors * SECTOR : undefined;
  }
  return undefined;
}

/** The two numbers of a device in what stat(2) says (glibc's gnu_dev_major and gnu_dev_minor). */
export function deviceNumbers(dev: bigint): { major: number; minor: number } {
  return {
    major: Number(((dev >> 8n) & 0xfffn) | ((dev >> 32n) & 0xfffff000n)),
    minor: Number((dev & 0xffn) | ((dev >> 12n) & 0xffffff00n)),
  };
}
