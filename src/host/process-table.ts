import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";

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

/** Of a process, what stands in its files below /proc/PID; "" of one that is not there. */
export interface ProcessFiles {
  stat: string;
  cmdline: string;
  cgroup: string;
}

const PROC = "/proc";

/** @returns undefined where the files are those of no process, of one of the kernel's own, or of one that has ended and only
 *   waits for its parent */
export function parseProcess(
  files: ProcessFiles,
): Pick<ProcessEntry, "startTicks" | "argv" | "cgroups"> | undefined {
  const { stat } = files;
  const argv = parseCommandLine(files.cmdline);
  // The program's name stands in brackets and may itself have some.
  const [state = "", ...fields] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const startTicks = fields[18];
  if (startTicks === undefined || argv.length === 0 || state === "Z" || state === "X") return undefined;
  const cgroups = files.cgroup
    .split("\n")
    .map((line) => line.split(":").slice(2).join(":"))
    .filter((path) => path !== "");
  return { startTicks, argv, cgroups };
}

/** @param text of /proc/PID/cmdline: each word, an empty one too, ends with a NUL */
export function parseCommandLine(text: string): string[] {
  const words = text.split("\0");
  if (words.at(-1) === "") words.pop();
  return words;
}

/** All processes but the kernel's own and those that have ended already. */
export const processTable = (proc = PROC): ProcessEntry[] =>
  processIds(proc)
    .map((pid) => processOf(pid, proc))
    .filter((entry) => entry !== undefined);

/** @returns undefined where there is none, or it has ended and only waits for its parent */
export function processOf(pid: number, proc = PROC): ProcessEntry | undefined {
  const of = (name: string) => join(proc, String(pid), name);
  const found = parseProcess({
    stat: readOr(of("stat")),
    cmdline: readOr(of("cmdline")),
    cgroup: readOr(of("cgroup")),
  });
  return found && { pid, ...found, netns: namespaceNumber(of("ns/net")) };
}

/** The words that a process was started with; none where there is no such process any more. */
export const commandLineOf = (pid: number, proc = PROC): string[] =>
  parseCommandLine(readOr(join(proc, String(pid), "cmdline")));

/** Those whose words are wanted. Reads a third of what {@link processTable} reads. */
export const processesBy = (
  isWanted: (argv: readonly string[]) => boolean,
  proc = PROC,
): Pick<ProcessEntry, "pid" | "argv">[] =>
  processIds(proc)
    .map((pid) => ({ pid, argv: commandLineOf(pid, proc) }))
    .filter(({ argv }) => argv.length > 0 && isWanted(argv));

/** Whether what runs under this number is this command: the number that was kept may be another process' by now. */
export const isProcess = (pid: number, command: readonly string[], proc = PROC): boolean =>
  command.length > 0 && isSameCommand(commandLineOf(pid, proc), command);

export const isSameCommand = (one: readonly string[], other: readonly string[]): boolean =>
  one.length === other.length && one.every((word, at) => word === other[at]);

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

const processIds = (proc: string): number[] =>
  readdirSync(proc)
    .filter((name) => /^[1-9][0-9]*$/.test(name))
    .map(Number);

function readOr(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return ""; // It has ended meanwhile.
  }
}
