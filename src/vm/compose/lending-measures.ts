import { readFileSync, statfsSync } from "node:fs";
import { atIntervals } from "../../host/intervals.ts";
import type { Logger } from "../../host/log.ts";
import type { Timers } from "../../host/timers.ts";
import {
  EnergyLedger,
  loadOf,
  parseMemoryInfo,
  parseProcessorTime,
  processorBetween,
  readEnergy,
} from "../capability/index.ts";
import type { LeaseStatistics } from "../leases/index.ts";
import type { DomainStats } from "../libvirt/index.ts";

export interface LendingMeasuresOptions {
  stats(): Promise<readonly DomainStats[]>;
  /** Of the leases that there are: a machine that waited for its lease has a name of its own. */
  machines(): readonly { lease: string; domain: string }[];
  /** On the medium where encrypted disks are; undefined: there are none. */
  mediumFolder: string | undefined;
  cpus: number;
  timers: Timers;
  log: Logger;
}

/** What one lease uses, as of the last look. */
export interface LeaseUse {
  memoryMiB: number | undefined;
  diskMiB: number | undefined;
}

/** A question to each QEMU, so not often; energy counters need a look a minute at the least. */
const LOOK_EVERY_MS = 5_000;
const MIB = 1_048_576;

/** Looks at what the box and its machines use. */
export class LendingMeasures {
  private readonly uses = new Map<string, LeaseUse>();
  private readonly figures = new Map<string, LeaseStatistics>();
  private readonly energy: EnergyLedger;
  private processor: ReturnType<typeof parseProcessorTime> | undefined;
  private load = 0;
  private end: (() => Promise<void>) | undefined;

  constructor(private readonly options: LendingMeasuresOptions) {
    this.energy = new EnergyLedger(options.cpus);
  }

  start(): void {
    const { timers, log } = this.options;
    this.end ??= atIntervals(
      LOOK_EVERY_MS,
      () => this.look(),
      (error) => log.debug({ error }, "what virtual machines use cannot be found out"),
      timers,
    );
  }

  async stop(): Promise<void> {
    await this.end?.();
    this.end = undefined;
  }

  use(lease: string): LeaseUse {
    return this.uses.get(lease) ?? { memoryMiB: undefined, diskMiB: undefined };
  }

  /** What it has used since its start, as far as measured here. */
  statistics(lease: string): LeaseStatistics {
    return this.figures.get(lease) ?? {};
  }

  /** For `lendingOf`: what of the inventory changes all the time. */
  inventory() {
    const { mediumFolder } = this.options;
    return {
      memory: parseMemoryInfo(readFileSync("/proc/meminfo", "utf8")),
      freeMediumMiB: mediumFolder === undefined ? 0 : freeMiB(mediumFolder),
      load: this.load,
    };
  }

  /** One look. */
  async look(): Promise<void> {
    const { stats, machines, timers, cpus } = this.options;
    this.lookAtLoad(cpus);
    const live = machines();
    const isGone = (known: string) => !live.some(({ lease }) => lease === known);
    for (const known of [...this.uses.keys()].filter(isGone)) {
      this.uses.delete(known);
      this.figures.delete(known);
      this.energy.forget(known);
    }
    if (live.length === 0) return;
    const byName = new Map((await stats()).map((one) => [one.name, one]));
    const domains = live.flatMap(({ lease, domain }) => {
      const found = byName.get(domain);
      return found ? [{ lease, ...found }] : [];
    });
    this.energy.note({
      atMs: timers.monotonicMs(),
      energy: readEnergy(),
      leases: new Map(domains.map(({ lease, cpuTimeNs }) => [lease, cpuTimeNs / 1_000])),
    });
    for (const { lease, cpuTimeNs, residentKiB, disk } of domains) {
      const memoryMiB = residentKiB === undefined ? undefined : Math.ceil(residentKiB / 1_024);
      this.uses.set(lease, { memoryMiB, diskMiB: disk && Math.ceil(disk.fileBytes / MIB) });
      const before = this.figures.get(lease);
      const joules = this.energy.of(lease)?.joules;
      this.figures.set(lease, {
        cpuMs: Math.max(before?.cpuMs ?? 0, Math.round(cpuTimeNs / 1e6)),
        peakMemoryMiB: Math.max(before?.peakMemoryMiB ?? 0, memoryMiB ?? 0) || undefined,
        energyMj: joules === undefined ? undefined : Math.round(joules * 1_000),
      });
    }
  }

  private lookAtLoad(cpus: number): void {
    const now = parseProcessorTime(readFileSync("/proc/stat", "utf8"));
    const between = this.processor && processorBetween(this.processor, now);
    this.processor = now;
    if (between) this.load = loadOf(between, cpus);
  }
}

function freeMiB(folder: string): number {
  const { bavail, bsize } = statfsSync(folder);
  return Math.floor((bavail * bsize) / MIB);
}
