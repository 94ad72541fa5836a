import { readdirSync, readFileSync, statSync } from "node:fs";

/** A process as the kernel shows it (proc(5)). */
export interface ProcessEntry {
  pid: number;
  /** Clock ticks from boot to its start: with the number it names one process. */
  startTicks: string;
  argv: readonly string[];
  /** Its group in each hierarchy, as paths below where that is mounted. */
  cgroups: readonly string[];
  /** The number of its network namespace; undefined where that may not be looked at. */
  netns: number | undefined;
}

/** All processes but the kernel's own and those that have ended already. */
export function processTable(): ProcessEntry[] {
  return readdirSync("/proc")
    .filter((name) => /^[1-9][0-9]*$/.test(name))
    .map((name) => processOf(Number(name)))
    .filter((entry) => entry !== undefined);
}

/** @returns undefined where there is none, or it has ended and only waits for its parent */
export function processOf(pid: number): ProcessEntry | undefined {
  const stat = readOr(`/proc/${pid}/stat`);
  const argv = readOr(`/proc/${pid}/cmdline`).split("\0");
  if (argv.at(-1) === "") argv.pop();
  // The program's name stands in brackets and may itself have some.
  const [state = "", ...fields] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const startTicks = fields[18];
  if (startTicks === undefined || argv.length === 0 || state === "Z" || state === "X") return undefined;
  const cgroups = readOr(`/proc/${pid}/cgroup`)
    .split("\n")
    .map((line) => line.split(":").slice(2).join(":"))
    .filter((path) => path !== "");
  return { pid, startTicks, argv, cgroups, netns: namespaceNumber(`/proc/${pid}/ns/net`) };
}

/** @param path of a namespace's file: below /proc/pid/ns, or where it is mounted */
export function namespaceNumber(path: string): number | undefined {
  try {
    return statSync(path).ino;
  } catch {
    return undefined;
  }
}

/** Kills it, if it still is the same process. @returns whether there was one */
export function killProcess({ pid, startTicks }: Pick<ProcessEntry, "pid" | "startTicks">): boolean {
  if (processOf(pid)?.startTicks !== startTicks) return false;
  try {
    process.kill(pid, "SIGKILL");
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ESRCH") return false;
    throw error;
  }
}

function readOr(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return ""; // It has ended meanwhile.
  }
}
