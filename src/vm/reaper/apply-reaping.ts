import { readdirSync, readFileSync, rmdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { killProcess } from "../../host/process-table.ts";
import { type RunOptions, type RunResult, tryRun } from "../../host/run.ts";
import { closeVolume } from "../overlay/encrypted-volume.ts";
import { type Belonging, type LeaseProcess, tagOfDomain } from "./belongings.ts";
import { parseMountTable } from "./mount-table.ts";
import { ipBatch, namesOf, processesOf } from "./reap-plan.ts";

export type Run = (command: readonly string[], options?: RunOptions) => Promise<RunResult>;

const IP_TIMEOUT_MS = 10_000;
/** A libvirtd that hangs is not waited for: all that it does not know of is gone by then. */
const VIRSH_TIMEOUT_MS = 3_000;

/** What is done by others; tests look on. */
export interface ReapTools {
  run: Run;
  /** Takes the key out of the kernel, and removes the mapping. */
  closeVolume: typeof closeVolume;
}

/**
 * Ends what was planned, as far as it can be at once: some of it only goes when the kernel has cleared away the rest, so look
 * again and call it again with what is left. Throws for nothing.
 * @param uri of libvirt, for domains
 */
export async function applyReaping(
  plan: readonly Belonging[],
  uri: string,
  { run, closeVolume: close }: ReapTools = { run: tryRun, closeVolume },
): Promise<void> {
  for (const one of processesOf(plan)) kill(one);
  const input = ipBatch(plan);
  if (input !== "") await run(["ip", "-force", "-batch", "-"], { input, timeoutMs: IP_TIMEOUT_MS });
  for (const path of namesOf(plan, "cgroup")) removeCgroup(path);
  for (const path of namesOf(plan, "mount")) await run(["umount", "--lazy", path]);
  // The file beneath goes with the others.
  for (const name of namesOf(plan, "volume")) await close({ file: NO_FILE, name }).catch(() => undefined);
  removeFiles(namesOf(plan, "file"));
  for (const name of namesOf(plan, "domain")) {
    const virsh = ["virsh", "--quiet", "--connect", uri];
    await run([...virsh, "destroy", name], { timeoutMs: VIRSH_TIMEOUT_MS });
    await run([...virsh, "undefine", name, "--managed-save"], { timeoutMs: VIRSH_TIMEOUT_MS });
  }
}

const NO_FILE = "/nonexistent";

function kill(one: LeaseProcess): void {
  try {
    killProcess(one);
  } catch {
    // Who may not end it finds it again, and tells that it is left.
  }
}

/** What libvirt knows of leases. Nothing where it does not answer, or there is no `virsh`. */
export async function findDomains(uri: string, run: Run = tryRun): Promise<Belonging[]> {
  const listed = await run(["virsh", "--quiet", "--connect", uri, "list", "--all", "--name"], {
    timeoutMs: VIRSH_TIMEOUT_MS,
  });
  if (listed.exitCode !== 0) return [];
  return listed.stdout.split("\n").flatMap((line) => {
    const name = line.trim();
    const lease = tagOfDomain(name);
    return lease === undefined ? [] : [{ kind: "domain" as const, lease, name }];
  });
}

/** A group goes only after those within it, and after its processes. */
function removeCgroup(path: string): void {
  try {
    for (const entry of readdirSync(path, { withFileTypes: true }))
      if (entry.isDirectory()) removeCgroup(join(path, entry.name));
    rmdirSync(path);
  } catch {
    // Its last process is still on its way out, or libvirtd was faster: whoever looks again sees which.
  }
}

/** Where something is still mounted below a path, what is in there may be anybody's. */
function removeFiles(paths: readonly string[]): void {
  if (paths.length === 0) return;
  const mounts = parseMountTable(readFileSync("/proc/self/mountinfo", "utf8"));
  for (const path of paths) {
    if (mounts.some((mount) => mount.path === path || mount.path.startsWith(`${path}/`))) continue;
    try {
      rmSync(path, { recursive: true, force: true });
    } catch {
      // A medium that cannot be written keeps it; what is left is told.
    }
  }
}
