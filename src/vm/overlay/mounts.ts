import { readFileSync } from "node:fs";
import { run, tryRun } from "../../host/run.ts";
import { type Mount, parseMounts } from "../host-first/controller-places.ts";

/** Nothing of a lease's disk is to be run, or taken for a device, by the host. */
const CAREFUL = "nosuid,nodev,noexec";
/** On a cold kernel modules are loaded first, and a slow medium is written to. */
const PATIENT = { timeoutMs: 60_000 };

export const readMounts = (): Mount[] => parseMounts(readFileSync("/proc/self/mountinfo", "utf8"));

export const isMounted = (at: string): boolean => readMounts().some((mount) => mount.at === at);

/** A tmpfs of at most this size, which is never swapped where the kernel can do that (Linux 6.4, tmpfs.rst). */
export async function mountMemory(at: string, sizeMiB: number): Promise<void> {
  const options = `size=${sizeMiB}m,nr_inodes=16,mode=0711,${CAREFUL}`;
  const mount = (more: string) => ["mount", "-n", "-t", "tmpfs", "-o", options + more, "omerta-overlay", at];
  const { exitCode } = await tryRun(mount(",noswap"), PATIENT);
  if (exitCode !== 0) await run(mount(""), PATIENT);
}

export async function mountDevice(device: string, at: string): Promise<void> {
  await run(["mount", "-n", "-t", "ext4", "-o", `noatime,${CAREFUL}`, device, at], PATIENT);
}

/** Takes away all that is mounted there, one above the other; what somebody still has open goes when they close it. */
export async function unmount(at: string): Promise<void> {
  while (isMounted(at)) {
    const { exitCode } = await tryRun(["umount", "-n", at], PATIENT);
    if (exitCode !== 0) await run(["umount", "-n", "--lazy", at], PATIENT);
  }
}

/** The size of a tmpfs in MiB; undefined for what is none. */
export function memorySizeMiB({ type, options }: Mount): number | undefined {
  if (type !== "tmpfs") return undefined;
  const kib = options
    .map((option) => /^size=(\d{1,15})k$/.exec(option)?.[1])
    .find((found) => found !== undefined);
  return kib === undefined ? undefined : Math.ceil(Number(kib) / 1_024);
}
