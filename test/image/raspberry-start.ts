import { join } from "node:path";
import { PARTITIONS, SECTOR } from "../../image-build/disk/layout.ts";
import { run } from "../../src/host/run.ts";

const COPY_TIMEOUT_MS = 60_000;

/** What QEMU gets of a slot: files, and the kernel's command line. */
export interface RaspberryStart {
  kernel: string;
  initrd: string;
  commandLine: string;
  /** What was asked for beside them. */
  files: string[];
}

/**
 * Does what the Raspberry Pi's firmware does, which QEMU has not: reads `autoboot.txt` of the first partition, and takes
 * `config.txt`'s kernel, first file system and command line from the partition that it names.
 * @param disk a file with an image  @param folder for what is taken out of it
 * @param others names of files that are wanted beside them: a device tree
 */
export async function raspberryStart(
  disk: string,
  folder: string,
  others: readonly string[] = [],
): Promise<RaspberryStart> {
  const autoboot = await typed(disk, 1, "autoboot.txt");
  const number = Number(/^\[all\]\n(?:(?!\[)[^\n]*\n)*?boot_partition=(\d+)$/m.exec(autoboot)?.[1]);
  const config = await typed(disk, number, "config.txt");
  const kernel = /^kernel=(\S+)$/m.exec(config)?.[1] ?? "";
  const initrd = /^initramfs (\S+) followkernel$/m.exec(config)?.[1] ?? "";
  for (const name of [kernel, initrd, ...others])
    await run(["mcopy", "-n", "-i", at(disk, number), `::/${name}`, join(folder, name)], {
      timeoutMs: COPY_TIMEOUT_MS,
    });
  const commandLine = (await typed(disk, number, "cmdline.txt")).trim();
  // The firmware tells by the device tree from which partition it has started.
  const slot = number === 3 ? "B" : "A";
  return {
    kernel: join(folder, kernel),
    initrd: join(folder, initrd),
    commandLine: `${commandLine} rauc.slot=${slot}`,
    files: others.map((name) => join(folder, name)),
  };
}

const typed = (disk: string, number: number, name: string): Promise<string> =>
  run(["mtype", "-i", at(disk, number), `::/${name}`], { timeoutMs: COPY_TIMEOUT_MS });

function at(disk: string, number: number): string {
  const place = PARTITIONS.find((one) => one.number === number);
  if (place === undefined) throw new Error(`autoboot.txt names partition ${number}`);
  return `${disk}@@${place.start * SECTOR}`;
}
