import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Controller } from "../host-first/index.ts";

/** What a lease has used since its start. undefined: this kernel does not count it. */
export interface LeaseUsage {
  /** Of all its processors together. */
  cpuUs: number | undefined;
  /** In memory now, its pages of files in tmpfs included. */
  memoryBytes: number | undefined;
  /** The most that it had at once. */
  peakMemoryBytes: number | undefined;
  /** From and to media; what stays in memory is not counted. */
  readBytes: number | undefined;
  writtenBytes: number | undefined;
}

/** Longest file that is read here: one line of some 100 characters a medium. */
const MAX_TEXT = 65_536;

/** A number that stands alone in its file. */
export function parseCount(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,19}\n?$/.test(text) ? Number(text) : undefined;
}

/** @param text `cpu.stat` of version 2 (cgroup-v2.rst, "CPU Interface Files") */
export function parseCpuStat(text: string | undefined): number | undefined {
  const us = /^usage_usec (\d{1,19})$/m.exec((text ?? "").slice(0, MAX_TEXT))?.[1];
  return us === undefined ? undefined : Number(us);
}

/** @param text `io.stat` of version 2: "8:0 rbytes=1 wbytes=2 rios=…", a line a medium; empty as long as there was nothing */
export function parseIoStat(text: string | undefined): Pick<LeaseUsage, "readBytes" | "writtenBytes"> {
  if (text === undefined) return { readBytes: undefined, writtenBytes: undefined };
  return {
    readBytes: sumOf(text, / rbytes=(\d{1,19})(?= |$)/gm),
    writtenBytes: sumOf(text, / wbytes=(\d{1,19})(?= |$)/gm),
  };
}

/** @param text `blkio.throttle.io_service_bytes_recursive` of version 1: "8:0 Read 1", "8:0 Write 2", …, "Total 3" */
export function parseBlkio(text: string | undefined): Pick<LeaseUsage, "readBytes" | "writtenBytes"> {
  if (text === undefined) return { readBytes: undefined, writtenBytes: undefined };
  return {
    readBytes: sumOf(text, /^\d+:\d+ Read (\d{1,19})$/gm),
    writtenBytes: sumOf(text, /^\d+:\d+ Write (\d{1,19})$/gm),
  };
}

const sumOf = (text: string, pattern: RegExp): number =>
  [...text.slice(0, MAX_TEXT).matchAll(pattern)].reduce((sum, [, bytes]) => sum + Number(bytes), 0);

/** Where a lease's control group is, by controller: as `VmsGroup.folder`, and libvirt's folder for the domain beneath. */
export type LeaseFolders = (controller: Controller) => string | undefined;

/** Reads what the kernel has counted, from either version of control groups, or both. All is undefined once the lease is gone. */
export function readLeaseUsage(folders: LeaseFolders): LeaseUsage {
  const of = (controller: Controller, file: string) => {
    const folder = folders(controller);
    return folder === undefined ? undefined : textOf(join(folder, file));
  };
  const nanoseconds = parseCount(of("cpuacct", "cpuacct.usage"));
  const io = parseIoStat(of("io", "io.stat"));
  return {
    cpuUs:
      parseCpuStat(of("cpu", "cpu.stat")) ??
      (nanoseconds === undefined ? undefined : Math.floor(nanoseconds / 1_000)),
    memoryBytes:
      parseCount(of("memory", "memory.current")) ?? parseCount(of("memory", "memory.usage_in_bytes")),
    // memory.peak is there since Linux 5.19.
    peakMemoryBytes:
      parseCount(of("memory", "memory.peak")) ?? parseCount(of("memory", "memory.max_usage_in_bytes")),
    ...(io.readBytes === undefined
      ? parseBlkio(of("blkio", "blkio.throttle.io_service_bytes_recursive"))
      : io),
  };
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (
      error instanceof Error &&
      "code" in error &&
      ["ENOENT", "ENODEV", "EOPNOTSUPP"].includes(String(error.code))
    )
      return undefined;
    throw error;
  }
}
