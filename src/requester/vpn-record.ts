import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { processOf } from "../host/process-table.ts";

/*
 * What a requester has changed on its machine, kept beside it before it is changed: whoever finds it afterwards can put
 * everything back. In a folder that is empty after a restart of the machine, as what it speaks of is gone then too.
 */

const processSchema = z.strictObject({
  pid: z.int().min(2),
  /** Field 22 of /proc/PID/stat: the number alone may be another process' by now. */
  startedAt: z.string(),
});

const schema = z.strictObject({
  id: z.string().regex(/^[0-9a-f]{8}$/),
  owner: processSchema,
  /** Who clears away when the owner is killed. */
  reaper: processSchema.optional(),
  interface: z.string(),
  table: z.string(),
  sysctls: z.array(z.strictObject({ name: z.string(), before: z.string(), after: z.string() })),
  /** Command lines of programs that serve this VPN alone. */
  programs: z.array(z.array(z.string()).min(1)),
  /** Files that programs leave when they are killed. */
  files: z.array(z.string()),
});

export type VpnRecord = z.output<typeof schema>;
export type ProcessMark = z.output<typeof processSchema>;

const NAME = /^vpn-([0-9a-f]{8})\.json$/;

export const recordPath = (folder: string, id: string): string => join(folder, `vpn-${id}.json`);

/** Puts it there whole or not at all, readable by its owner. */
export function writeRecord(folder: string, record: VpnRecord): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const path = recordPath(folder, record.id);
  writeFileSync(`${path}.new`, JSON.stringify(record), { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

/** @returns undefined where there is none, or none that can be understood */
export function readRecord(path: string): VpnRecord | undefined {
  try {
    return schema.parse(JSON.parse(readFileSync(path, "utf8")));
  } catch {
    return undefined;
  }
}

export function removeRecord(folder: string, id: string): void {
  rmSync(recordPath(folder, id), { force: true });
}

/** The ids of all records in a folder. */
export function recordIds(folder: string): string[] {
  try {
    return readdirSync(folder).flatMap((name) => NAME.exec(name)?.[1] ?? []);
  } catch {
    return [];
  }
}

/** What tells a running process from all that had or will have its number; undefined when it does not run. */
export function markOf(pid: number): ProcessMark | undefined {
  const found = processOf(pid);
  return found && { pid, startedAt: found.startTicks };
}

export const isRunning = (mark: ProcessMark): boolean => markOf(mark.pid)?.startedAt === mark.startedAt;
