import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { atIntervals } from "../../host/intervals.ts";
import { localAddressTo } from "../../host/local-address.ts";
import { tellFromNewer } from "../../store/index.ts";
import { type Capability as AdmissionCapability, policyOf } from "../admission/index.ts";
import { debianArchitecture, type LendingCapability, lendingOf } from "../capability/index.ts";
import type { Checkpoints } from "../checkpoint/index.ts";
import { Demos } from "../demo/index.ts";
import type { Accelerator } from "../domain/index.ts";
import { leaseNames } from "../guest-link.ts";
import type { OwnMachine } from "../held/index.ts";
import type { HostFirst } from "../host-first/index.ts";
import type { VmImage } from "../image/index.ts";
import { LeaseStore } from "../leases/index.ts";
import { Lender } from "../lending/index.ts";
import { KeptLibvirt, Libvirt } from "../libvirt/index.ts";
import type { OperatedLending } from "../operator/index.ts";
import type { Pool } from "../pool/index.ts";
import { ReaperKeeper } from "../reaper/index.ts";
import { LeaseWatch } from "../watch/index.ts";
import { lendingCheckpoints } from "./lending-checkpoints.ts";
import { foldersOf, lendingGround, reaperOrderOf } from "./lending-ground.ts";
import { LendingMeasures } from "./lending-measures.ts";
import type { LendingPartOptions } from "./lending-part.ts";
import { lendingPool } from "./lending-pool.ts";
import { lendingPressure } from "./lending-pressure.ts";
import { needsItself } from "./needs-itself.ts";
import { tellOfGone } from "./tell-of-gone.ts";

/** A lease's end takes 5 s by its steps. What is there after that has nobody else who ends it. */
const SWEEP_EVERY_MS = 10_000;
const ENDS_WITHIN_MS = 8_000;
/** QEMU itself, beside its guest's memory. */
const OVERHEAD_MIB = 96;
/** UDP ports from the one at which requests are taken. */
const TUNNELS = 100;

/** What was found on this machine. */
export interface LendingMeans {
  owner: { uid: number; gid: number };
  /** Those that there are now. */
  images(): readonly VmImage[];
  accelerator: Accelerator;
}

/** All that is there while a box lends. */
export class LendingNow {
  readonly lender: Lender;
  readonly libvirt: KeptLibvirt;
  /** Machines of the portal's guests. */
  readonly demos: Demos;
  /** Undefined: none are saved here. */
  readonly checkpoints: Checkpoints | undefined;
  readonly pool: Pool;
  private readonly hostFirst: HostFirst;
  private readonly keeper: ReaperKeeper;
  private readonly store: LeaseStore;
  private readonly watch: LeaseWatch;
  private readonly measures: LendingMeasures;
  /** What was started, to be stopped in reverse. */
  private started: (() => unknown)[] = [];
  /** Since when leases have been on their way to their end. */
  private readonly endingSinceMs = new Map<string, number>();
  /** Why leases do not outlive the daemon. */
  unkept: string | undefined;

  constructor(
    private readonly options: LendingPartOptions,
    readonly means: LendingMeans,
  ) {
    const { config, stateFolder, runFolder, journal, clock, bootClock, timers, log } = options;
    const folders = foldersOf(runFolder, stateFolder);
    for (const folder of [folders.agents, folders.disks]) mkdirSync(folder, { recursive: true, mode: 0o711 });
    this.libvirt = new KeptLibvirt({
      connect: (onClosed) =>
        Libvirt.connect({
          uri: config.libvirt,
          onEvent: (event) => {
            this.lender.onDomain(event);
            this.pool.onDomain(event);
            if (event.kind === "stopped") this.demos.onDomainGone(event.name);
          },
          onClosed,
        }),
      onBack: (domains) => tellOfGone(domains, this),
      ...{ timers, log },
    });
    this.watch = new LeaseWatch({
      onRogue: (event) => void this.lender.onRogue(event),
      onFailure: (lease, error) => log.debug({ error }, `the watch of lease ${lease.slice(0, 10)}`),
      wallMs: clock.wallMs,
      timers,
    });
    this.store = new LeaseStore({
      path: join(stateFolder, "leases.sqlite"),
      ...{ journal, clock, timers, bootClock },
    });
    this.measures = new LendingMeasures({
      stats: () => this.libvirt.stats(),
      machines: () => [
        ...this.lender.leases().map(({ lease }) => ({ lease: lease.state.id, ...lease.machine.names })),
        ...this.demos.live().map(({ id }) => ({ lease: id, ...leaseNames(id) })),
      ],
      mediumFolder: undefined,
      cpus: navigator.hardwareConcurrency,
      ...{ timers, log },
    });
    const { owner, accelerator, images } = means;
    const ground = {
      ...lendingGround({
        ...{ ...options, folders, owner, accelerator },
        tunnelLost: (names) => this.lender.onTunnelLost(names),
      }),
      ...{ libvirt: this.libvirt, watch: this.watch },
    };
    this.pool = lendingPool({
      ...{ config, images, timers, log },
      // In the folder of all machines: one that is claimed has its agent's socket where a lease's is.
      ground,
      causes: () => this.hostFirst.causes,
    });
    this.checkpoints = lendingCheckpoints({
      ...{ config, accelerator, clock, log },
      folder: folders.saved,
      memberships: options.memberships,
      ...{ images, libvirt: this.libvirt },
      refusalOf: (requester, source) => this.lender.refusalOfOffer(requester, source),
      randomBytes: options.randomBytes,
    });
    const { demo, limits } = config;
    this.demos = new Demos({
      ground: { ...ground, wallMs: clock.wallMs, timers },
      limits: {
        machines: demo.enabled ? demo.visitors : 0,
        cpus: Math.min(demo.cpus, limits.cpus),
        memoryMiB: Math.min(demo.memory_mib, limits.memory_mib),
        durationMs: 60_000 * Math.min(demo.minutes, limits.minutes),
      },
      // One that starts without a disk.
      image: () => images().find(({ base }) => base === undefined),
      free: () => this.capability().free,
      ...{ journal, timers, log },
    });
    this.lender = new Lender({
      ground: {
        ...ground,
        pool: this.pool,
        checkpoints: this.checkpoints,
        isSupervised: () => this.keeper.isWatching,
      },
      policy: policyOf(config),
      ...{ store: this.store, images, journal, log, timers },
      capability: () => this.lendable(),
      needsItself: () => needsItself(this.hostFirst.causes, this.trouble()),
      blocked: () => options.blocked.list(),
      prepareMs: 60_000 * config.start_minutes,
      ports: { first: config.port, last: config.port + TUNNELS - 1 },
      heardAt: ({ address }) => (address === undefined ? undefined : localAddressTo(address)),
      self: undefined,
      localMinuteOfDay: () => minuteOfDay(new Date(clock.wallMs())),
    });
    this.hostFirst = lendingPressure({
      ...{ lender: this.lender, demos: this.demos, timers, log },
      keptMemoryMiB: config.reserve.memory_mib,
      canSave: this.checkpoints !== undefined,
    });
    this.keeper = new ReaperKeeper({
      order: reaperOrderOf(runFolder, folders, config.libvirt),
      command: options.command,
      live: () => [
        ...this.lender
          .leases()
          .filter(({ lease }) => !this.isLate(lease.state.id))
          .map(({ lease }) => lease.machine.namedBy),
        ...this.demos.live().map(({ id }) => id),
        ...this.pool.ids,
        // What a machine is just saved into, or goes on from.
        ...ground.overlays.rooms,
      ],
      ...{ timers, journal, log },
    });
  }

  /** @throws {LibvirtUnavailableError} and whatever else stands in the way; nothing is left running then */
  async start(): Promise<void> {
    const { timers, journal, log } = this.options;
    const { store, libvirt, keeper, lender, demos, checkpoints, hostFirst, pool, watch, measures } = this;
    try {
      const found = store.open();
      this.started.push(() => store.close());
      if (found.setAside)
        log.error(`the leases could not be read; they are in ${found.setAside}, and a new store has begun`);
      tellFromNewer(found, { part: "vm", what: "the leases", journal, log });
      if (found.volatile) log.error(`leases are not kept through a restart: ${found.volatile}`);
      this.unkept = found.volatile;
      this.started.push(() => libvirt.stop());
      await libvirt.start();
      // Before any lease is made: what an earlier daemon left is gone then.
      this.started.push(() => keeper.stop());
      await keeper.start();
      this.started.push(() => lender.stop());
      await lender.start();
      demos.start();
      this.started.push(() => demos.stop());
      await checkpoints?.start();
      hostFirst.start();
      this.started.push(() => hostFirst.stop());
      pool.start();
      this.started.push(() => pool.stop());
      watch.start();
      this.started.push(() => watch.stop());
      measures.start();
      this.started.push(() => measures.stop());
      this.started.push(
        atIntervals(
          SWEEP_EVERY_MS,
          () => this.sweepWhatStays(),
          (error) => log.error({ error }, "what leases have left cannot be swept"),
          timers,
        ),
      );
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  /** Ends all leases. */
  async stop(): Promise<void> {
    for (const step of this.started.splice(0).reverse()) {
      try {
        await step();
      } catch (error) {
        this.options.log.error({ error }, "lending did not stop cleanly");
      }
    }
  }

  trouble(): string | undefined {
    return this.libvirt.trouble() ?? this.keeper.trouble();
  }

  /** What this box can lend, lends, and could lend now. */
  capability(): LendingCapability {
    const { reserve, leases } = this.options.config;
    return this.measured(reserve.cpus, leases);
  }

  /** For decisions: what can be lent in all, what is lent included, however many leases there are. */
  private lendable(): AdmissionCapability {
    const { images, total } = this.capability();
    // As if processors and leases never ran out: how many of those there are is decided on, not measured.
    const { lent, free } = this.measured(Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY);
    return {
      ...{ images, cpus: total.cpus },
      memoryMiB: lent.memoryMiB + free.memoryMiB,
      diskMiB: lent.diskMiB + free.diskMiB,
    };
  }

  private measured(keptCpus: number, maxLeases: number): LendingCapability {
    const { config } = this.options;
    const { measures, lender, demos, means } = this;
    const { memory, ...inventory } = measures.inventory();
    return lendingOf(
      {
        architecture: debianArchitecture(),
        acceleration: means.accelerator,
        cpus: config.processors || navigator.hardwareConcurrency,
        overlaysInMemory: true,
        ...inventory,
        // What waits in the pool gives way.
        memory: { ...memory, availableMiB: memory.availableMiB + this.pool.memoryMiB },
        images: means.images().map(({ name }) => name),
      },
      {
        cpus: keptCpus,
        memoryMiB: config.reserve.memory_mib,
        diskMiB: config.reserve.disk_mib,
        maxLeases,
        overheadMiB: OVERHEAD_MIB,
      },
      [...lender.live(), ...demos.live()].map((lease) => {
        const use = measures.use(lease.id);
        return { ...lease, diskInMemory: true, usedMemoryMiB: use.memoryMiB, usedDiskMiB: use.diskMiB };
      }),
    );
  }

  private machines(): OwnMachine[] {
    const named = (of: OwnMachine["of"], id: string) => ({ domain: leaseNames(id).domain, of, id });
    return [
      ...this.lender.leases().map(({ lease }) => ({
        ...{ domain: lease.machine.names.domain, of: "lease" as const, id: lease.state.id },
      })),
      ...this.demos.live().map(({ id }) => named("visitor", id)),
      ...this.pool.ids.map((id) => named("pool", id)),
    ];
  }

  /** For the operator. */
  operated(): OperatedLending {
    return {
      lender: this.lender,
      capability: () => this.capability(),
      traffic: (lease) => this.watch.traffic(lease),
      statistics: (lease) => this.measures.statistics(lease),
      machines: () => this.machines(),
      ended: (most) => this.store.ended(most),
    };
  }

  /** Where libvirt does not answer, a machine's process is ended without it. */
  private async sweepWhatStays(): Promise<void> {
    const { timers } = this.options;
    const nowMs = timers.monotonicMs();
    const ending = this.lender.ending();
    for (const lease of [...this.endingSinceMs.keys()])
      if (!ending.includes(lease)) this.endingSinceMs.delete(lease);
    for (const lease of ending) if (!this.endingSinceMs.has(lease)) this.endingSinceMs.set(lease, nowMs);
    if (ending.some((lease) => this.isLate(lease))) await this.keeper.sweep();
  }

  private isLate(lease: string): boolean {
    const sinceMs = this.endingSinceMs.get(lease);
    return sinceMs !== undefined && this.options.timers.monotonicMs() - sinceMs > ENDS_WITHIN_MS;
  }
}

const minuteOfDay = (date: Date): number => date.getHours() * 60 + date.getMinutes() + date.getSeconds() / 60;
