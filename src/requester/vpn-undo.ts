import { rmSync } from "node:fs";
import { applyNft } from "../host/nft.ts";
import { setSysctl, sysctl } from "../host/proc-net.ts";
import { isSameCommand, processesBy } from "../host/process-table.ts";
import { tryRun } from "../host/run.ts";
import { changesToUndo } from "./vpn-plan.ts";
import {
  isRunning,
  type ProcessMark,
  readRecord,
  recordIds,
  recordPath,
  removeRecord,
  type VpnRecord,
} from "./vpn-record.ts";

/**
 * Puts back everything that a record speaks of. May be done twice, or at the same time by two. The forwarding is closed
 * first and the table, which guards it, goes last.
 * @throws {AggregateError} with everything that failed, when all else is done
 */
export async function undoVpn(record: VpnRecord): Promise<void> {
  const failed: unknown[] = [];
  const attempt = async (what: () => Promise<void> | void) => {
    try {
      await what();
    } catch (error) {
      failed.push(error);
    }
  };
  for (const { name, before } of changesToUndo(record.sysctls, sysctl))
    await attempt(() => setSysctl(name, before));
  await attempt(() => endPrograms(record.programs));
  // Gone already where a program had made it.
  await tryRun(["ip", "link", "del", record.interface]);
  for (const file of record.files) await attempt(() => rmSync(file, { force: true }));
  const named = { family: "inet", name: record.table };
  await attempt(() => applyNft([{ add: { table: named } }, { delete: { table: named } }]));
  if (failed.length > 0)
    throw new AggregateError(failed, `${record.interface}: not everything could be put back`);
}

/** How long a reaper has for its work before another does it. */
const REAPER_TIMEOUT_MS = 10_000;

/**
 * Clears away what killed requesters left whose reapers were killed as well, and waits for reapers that are at it: they would
 * take away what is made anew under the same name.
 * @returns the ids of those that were cleared away
 */
export async function sweepVpns(folder: string): Promise<string[]> {
  const swept: string[] = [];
  for (const id of recordIds(folder)) {
    const record = readRecord(recordPath(folder, id));
    if (record && isRunning(record.owner)) continue;
    if (record?.reaper) await untilGone(record.reaper);
    // It may have gone with its reaper.
    if (record && readRecord(recordPath(folder, id)) === undefined) continue;
    if (record) await undoVpn(record);
    removeRecord(folder, id);
    swept.push(id);
  }
  return swept;
}

async function untilGone(mark: ProcessMark): Promise<void> {
  const deadline = performance.now() + REAPER_TIMEOUT_MS;
  while (isRunning(mark)) {
    if (performance.now() > deadline) endProcess(mark.pid, "SIGKILL");
    await Bun.sleep(20);
  }
}

/** How long programs have to end. */
const END_TIMEOUT_MS = 1_000;

/** Ends programs by their command lines, which name what is this VPN's alone: a number that was kept could be too old, or too late. */
async function endPrograms(commands: readonly (readonly string[])[]): Promise<void> {
  const running = () =>
    processesBy((argv) => commands.some((command) => isSameCommand(argv, command))).map(({ pid }) => pid);
  for (const signal of ["SIGTERM", "SIGKILL"] as const) {
    const deadline = performance.now() + END_TIMEOUT_MS;
    for (const pid of running()) endProcess(pid, signal);
    while (running().length > 0) {
      if (performance.now() > deadline) break;
      await Bun.sleep(20);
    }
  }
}

function endProcess(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}
