import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseMemoryInfo } from "../capability/memory-info.ts";
import type { HostReading } from "./decide-pressure.ts";
import { type Pressure, parsePressure, stalledBetween } from "./pressure.ts";
import { readSensors, type SensorReading } from "./sensors.ts";

const RESOURCES = ["cpu", "memory", "io"] as const;
type Resource = (typeof RESOURCES)[number];

/** What was read of pressure at one instant: one entry a source, "" for the whole machine. */
export type PressureSources = Readonly<Record<Resource, ReadonlyMap<string, Pressure>>>;

/** Groups beside the virtual machines' that are looked at. */
const MAX_GROUPS = 32;

/**
 * Reads the pressure of the box's own work: of the groups beside the virtual machines', where there are such (version 2,
 * as with systemd), otherwise of the whole machine.
 * @param groupMount where control groups of version 2 are mounted; undefined: nowhere
 * @param vmsGroup the folder's name there
 */
export function readPressure(
  groupMount: string | undefined,
  vmsGroup: string,
  pressureFolder = "/proc/pressure",
): PressureSources {
  const beside = groupMount ? groupsIn(groupMount).filter((name) => name !== vmsGroup) : [];
  const read = (resource: Resource): ReadonlyMap<string, Pressure> => {
    const ofGroups = beside.flatMap((name) =>
      entryOf(name, join(groupMount ?? "", name, `${resource}.pressure`)),
    );
    return new Map(ofGroups.length > 0 ? ofGroups : entryOf("", join(pressureFolder, resource)));
  };
  return { cpu: read("cpu"), memory: read("memory"), io: read("io") };
}

/** How much of the time between two readings the box's own work waited. */
export function stalls(
  before: PressureSources,
  after: PressureSources,
  elapsedMs: number,
): Pick<HostReading, "cpuStall" | "memoryStall" | "ioStall"> {
  const most = (resource: Resource): number | undefined => {
    const shares = [...after[resource]].flatMap(([source, now]) => {
      // Virtual machines that only get what is idle wait all the time: of the whole machine it says nothing of the host.
      if (resource === "cpu" && source === "") return [];
      const share = stalledBetween(before[resource].get(source)?.some, now.some, elapsedMs);
      return share === undefined ? [] : [share];
    });
    return shares.length > 0 ? Math.max(...shares) : undefined;
  };
  return { cpuStall: most("cpu"), memoryStall: most("memory"), ioStall: most("io") };
}

/** Work that comes in spurts is seen as what it amounts to. */
const LATELY_MS = 8_000;

/** Takes one reading after the other; what lies between two is measured against the one before. */
export class HostReadings {
  /** Those of `LATELY_MS` and one before them, the oldest first. */
  private readonly before: { sources: PressureSources; atMs: number }[] = [];

  constructor(
    private readonly read: {
      pressure: () => PressureSources;
      memoryInfo?: () => string;
      sensors?: () => SensorReading;
    },
  ) {}

  /** @param atMs monotonic */
  next(atMs: number): HostReading {
    const sources = this.read.pressure();
    while ((this.before[1]?.atMs ?? atMs) <= atMs - LATELY_MS) this.before.shift();
    const since = (one: (typeof this.before)[number] | undefined) =>
      one && stalls(one.sources, sources, atMs - one.atMs);
    const between = since(this.before.at(-1));
    const lately = since(this.before[0])?.cpuStall;
    this.before.push({ sources, atMs });
    const memoryInfo = this.read.memoryInfo ?? (() => readFileSync("/proc/meminfo", "utf8"));
    return {
      atMs,
      ...(between ?? { cpuStall: undefined, memoryStall: undefined, ioStall: undefined }),
      cpuStallLately: lately,
      availableMemoryMiB: parseMemoryInfo(memoryInfo()).availableMiB,
      ...(this.read.sensors ?? readSensors)(),
    };
  }
}

/** Kernels without PSI, or with it off, have no such files or refuse to be read (EOPNOTSUPP). */
function entryOf(source: string, path: string): [string, Pressure][] {
  try {
    return [[source, parsePressure(readFileSync(path, "utf8"))]];
  } catch (error) {
    if (error instanceof Error && "code" in error) return [];
    throw error;
  }
}

function groupsIn(mount: string): string[] {
  return readdirSync(mount, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
    .slice(0, MAX_GROUPS);
}
