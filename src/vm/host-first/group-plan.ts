import type { Controller, ControllerPlaces } from "./controller-places.ts";

/**
 * The group of all virtual machines. libvirt puts those with `<partition>/omerta-vm</partition>` into a folder of this
 * name: it adds ".partition" to what has no dot (libvirt.org/cgroups.html, "Custom partitions"), and makes none itself.
 */
export const VMS_PARTITION = "/omerta-vm";
export const VMS_GROUP = "omerta-vm.partition";

/** What all virtual machines together may have; undefined: as much as there is. */
export interface GroupLimits {
  /** Beyond it nothing is given: the kernel ends one of them before anything of the host. */
  memoryMaxMiB: number | undefined;
  /** Beyond it they are slowed down and what can be is taken back from them. */
  memoryHighMiB: number | undefined;
}

/** One thing that is wanted of the group, with ways to it, the best first: the first that the kernel takes is used. */
export interface GroupAim {
  aim: "cpu" | "memoryMax" | "memoryHigh" | "io";
  controller: Controller;
  ways: readonly GroupWay[];
}

export interface GroupWay {
  /** What it amounts to, as an operator reads it. */
  means: string;
  file: string;
  value: string;
  /** What is read back may be rounded down to a page, but not be more than was asked for. */
  isAmount?: boolean;
}

/** The least weight there is beside others: 2 of 1024 (sched-design-CFS), 1 of 100 (cgroup-v2.rst). */
const CPU_WAYS: Record<1 | 2, readonly GroupWay[]> = {
  1: [
    { means: "only what is idle", file: "cpu.idle", value: "1" },
    { means: "2 shares beside 1024", file: "cpu.shares", value: "2" },
  ],
  2: [
    { means: "only what is idle", file: "cpu.idle", value: "1" },
    { means: "weight 1 beside 100", file: "cpu.weight", value: "1" },
  ],
};
const IO_WAYS: Record<1 | 2, readonly GroupWay[]> = {
  1: [
    { means: "weight 1 beside 100, by BFQ", file: "blkio.bfq.weight", value: "1" },
    { means: "weight 10 beside 500, by CFQ", file: "blkio.weight", value: "10" },
  ],
  2: [
    { means: "weight 1 beside 100", file: "io.weight", value: "default 1" },
    { means: "weight 1 beside 100, by BFQ", file: "io.bfq.weight", value: "default 1" },
  ],
};

const inBytes = (mib: number) => String(Math.floor(mib) * 1_048_576);

/** What to ask of the kernel so that the box's own work goes first. What has no controller has no way. */
export function planGroup(places: ControllerPlaces, limits: GroupLimits): GroupAim[] {
  const { memoryMaxMiB, memoryHighMiB } = limits;
  const version = (controller: Controller) => places.get(controller)?.version;
  const io = version("io") ? "io" : "blkio";
  const amount = (mib: number, means: string, file: string): GroupWay => ({
    means: `${means} ${Math.floor(mib)} MiB`,
    file,
    value: inBytes(mib),
    isAmount: true,
  });
  const cpuWays = CPU_WAYS[version("cpu") ?? 1];
  const ioWays = IO_WAYS[version(io) ?? 1];
  const isSecond = version("memory") === 2;
  return [
    { aim: "cpu", controller: "cpu", ways: version("cpu") ? cpuWays : [] },
    ...(memoryMaxMiB === undefined
      ? []
      : [
          {
            aim: "memoryMax" as const,
            controller: "memory" as const,
            ways: version("memory")
              ? [amount(memoryMaxMiB, "at most", isSecond ? "memory.max" : "memory.limit_in_bytes")]
              : [],
          },
        ]),
    // Version 1 has a "soft limit" only, which slows nobody down (memory.rst, 7).
    ...(memoryHighMiB === undefined
      ? []
      : [
          {
            aim: "memoryHigh" as const,
            controller: "memory" as const,
            ways: isSecond ? [amount(memoryHighMiB, "slowed down from", "memory.high")] : [],
          },
        ]),
    { aim: "io", controller: io, ways: version(io) ? ioWays : [] },
  ];
}

/** Whether what the kernel says now is what was written. */
export function isInForce({ value, isAmount }: GroupWay, read: string): boolean {
  const text = read.trim();
  if (!isAmount)
    return text.split("\n").some((line) => line.trim() === value || `default ${line.trim()}` === value);
  const [asked, given] = [Number(value), Number(text)];
  return text !== "" && given <= asked && given > asked - 65_536;
}
