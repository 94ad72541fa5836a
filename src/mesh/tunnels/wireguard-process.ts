import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Logger } from "../../host/log.ts";
import { isProcess } from "../../host/process-table.ts";
import { run, tryRun } from "../../host/run.ts";
import { Supervised } from "../../host/supervise.ts";

/** Every interface of a tunnel begins with this, so that a later daemon knows what a killed one left. */
export const INTERFACE_PREFIX = "omt-";
/** Of files in which the namespace of an interface stands. */
const NOTE_SUFFIX = ".netns";
const PROCESS_PREFIX = `wireguard-go-${INTERFACE_PREFIX}`;

let kernelHasIt: Promise<boolean> | undefined;

/** Whether the kernel can make WireGuard interfaces; loads the module where it is one. Asked once. */
export function kernelWireGuard(): Promise<boolean> {
  kernelHasIt ??= (async () => {
    const name = `${INTERFACE_PREFIX}try`;
    // What a daemon left that was killed in between would look like a no.
    await tryRun(["ip", "link", "del", name]);
    const made = await tryRun(["ip", "link", "add", name, "type", "wireguard"]);
    if (made.exitCode === 0) await run(["ip", "link", "del", name]);
    return made.exitCode === 0;
  })();
  return kernelHasIt;
}

/** The userspace WireGuard of one interface, kept running. Its configuration dies with it: who uses it looks and sets it anew. */
export function wireGuardGo(name: string, runFolder: string, log: Logger): Supervised {
  return new Supervised({
    name: `wireguard-go-${name}`,
    command: ["wireguard-go", "-f", name],
    runFolder,
    log,
  });
}

/** Keeps where an interface of the kernel's WireGuard is, or will be: one in another namespace is found by nothing else. */
export function noteInterface(runFolder: string, name: string, netns: string | undefined): void {
  mkdirSync(runFolder, { recursive: true });
  writeFileSync(join(runFolder, `${name}${NOTE_SUFFIX}`), netns ?? "");
}

/** Removes it where it is to be, and where it was made, in case that it has not come further; and what was kept. */
export async function removeNoted(runFolder: string, name: string): Promise<void> {
  const note = join(runFolder, `${name}${NOTE_SUFFIX}`);
  const netns = readOr(note);
  if (netns !== "") await tryRun(["ip", "-n", netns, "link", "del", name]);
  await tryRun(["ip", "link", "del", name]);
  rmSync(note, { force: true });
}

/** Removes interfaces and processes of tunnels that a killed daemon left, in whatever network namespace. */
export async function clearWireGuardLeftovers(runFolder: string): Promise<void> {
  for (const file of filesIn(runFolder)) {
    const isNote = file.startsWith(INTERFACE_PREFIX) && file.endsWith(NOTE_SUFFIX);
    if (isNote) await removeNoted(runFolder, file.slice(0, -NOTE_SUFFIX.length));
    if (!file.startsWith(PROCESS_PREFIX) || !file.endsWith(".pid")) continue;
    const name = file.slice("wireguard-go-".length, -".pid".length);
    endProcess(join(runFolder, file), name);
  }
  const listed = await tryRun(["ip", "-o", "link", "show", "type", "wireguard"]);
  for (const [, name = ""] of listed.stdout.matchAll(/^\d+: ([^:@]+)[:@]/gm)) {
    if (name.startsWith(INTERFACE_PREFIX)) await tryRun(["ip", "link", "del", name]);
  }
}

function endProcess(pidFile: string, name: string): void {
  const pid = Number(readOr(pidFile));
  const isOurs = Number.isInteger(pid) && pid > 1 && isProcess(pid, ["wireguard-go", "-f", name]);
  if (isOurs) process.kill(pid, "SIGKILL");
  rmSync(pidFile, { force: true });
  removeSocket(name);
}

/** One that did not end by itself leaves its socket, through which `wg` would ask in vain. */
export function removeSocket(name: string): void {
  rmSync(`/var/run/wireguard/${name}.sock`, { force: true });
}

function filesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function readOr(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
