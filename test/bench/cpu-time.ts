import { readFileSync } from "node:fs";
import { cpus } from "node:os";

/** Clock ticks a second in /proc, on every Linux architecture (proc_pid_stat(5), sysconf(_SC_CLK_TCK)). */
const TICKS_PER_SECOND = 100;

/** CPU time of processes and of their children that have ended, in seconds. Processes that are gone count nothing. */
export function cpuSeconds(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + ofProcess(pid), 0);
}

function ofProcess(pid: number): number {
  try {
    // After the name in brackets come state, ppid and so on: utime, stime, cutime and cstime are 12th to 15th.
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1)?.split(" ") ?? [];
    return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) / TICKS_PER_SECOND;
  } catch {
    return 0;
  }
}

/** How much of the whole machine was busy during `ms` milliseconds, from 0 to 1. */
export async function machineLoad(ms: number): Promise<number> {
  const before = idleSeconds();
  const started = performance.now();
  await Bun.sleep(ms);
  const elapsed = (performance.now() - started) / 1_000;
  return Math.max(0, 1 - (idleSeconds() - before) / (elapsed * cpus().length));
}

function idleSeconds(): number {
  const fields = readFileSync("/proc/stat", "utf8").split("\n")[0]?.split(/\s+/) ?? [];
  return (Number(fields[4]) + Number(fields[5])) / TICKS_PER_SECOND;
}
