import type { VmConfig } from "../../config/index.ts";
import type { Clock } from "../../host/clock.ts";
import { atIntervals } from "../../host/intervals.ts";
import type { Logger } from "../../host/log.ts";
import type { Part } from "../../host/part.ts";
import type { Timers } from "../../host/timers.ts";
import type { Memberships } from "../../identity/index.ts";
import type { Journal } from "../../store/index.ts";
import { policyOf, type Source } from "../admission/index.ts";
import { debianArchitecture, forRecord, type LendingCapability } from "../capability/index.ts";
import type { Checkpoints } from "../checkpoint/index.ts";
import type { DemoNews, DemoRefusal, DemoSize } from "../demo/index.ts";
import { SeenImages } from "../image/index.ts";
import type { LeaseStoreOptions } from "../leases/index.ts";
import type { Lender, LenderAnswer, LenderCommandAnswer, LenderNews } from "../lending/index.ts";
import { LibvirtError, LibvirtUnavailableError, probeKvm } from "../libvirt/index.ts";
import {
  type BlockedRequesters,
  ComputeOperator,
  type Names,
  type OperatedCompute,
} from "../operator/index.ts";
import { type AskedLender, LeaseDesk, LeaseServer } from "../wire/index.ts";
import { startAllOrNone } from "./all-or-none.ts";
import { KvmAsked } from "./kvm-asked.ts";
import { seeLendingGround } from "./lending-ground.ts";
import { lendingNeeds } from "./lending-needs.ts";
import { LendingNow } from "./lending-now.ts";

export interface LendingPartOptions {
  config: VmConfig;
  stateFolder: string;
  runFolder: string;
  /** Runs `omerta-box`; the reaper's words are added. */
  command: readonly string[];
  /** The networks of this box: whose members may ask for more than strangers. */
  memberships: Pick<Memberships, "list">;
  /** Whom the operator lends nothing, beside those of the configuration. */
  blocked: BlockedRequesters;
  /** Networks that no machine may reach, besides those that this machine is in. */
  forbidden: readonly string[];
  /** What requesters and networks are called. */
  names: Names;
  journal: Journal;
  clock: Clock;
  bootClock: LeaseStoreOptions["bootClock"];
  timers: Timers;
  randomBytes(count: number): Uint8Array;
  log: Logger;
}

/** What was missing may have been installed, or a machine that starts may come to libvirt only after the box. */
const LOOK_AGAIN_MS = 10_000;

/**
 * The box's lending of virtual machines. On a machine that has not what that takes it runs all the same, lends nothing, and
 * says what is missing; it looks again every ten seconds.
 */
export class LendingPart implements Part, AskedLender {
  readonly name = "vm";
  /** Where all who ask come to, by whatever way. */
  readonly desk: LeaseDesk;
  /** The operator's side of it. */
  readonly operator: OperatedCompute;
  private now: LendingNow | undefined;
  private server: LeaseServer | undefined;
  private missing: readonly string[] = ["it has not started yet"];
  private told = "";
  private readonly kvm: KvmAsked;
  private readonly listeners = new Set<() => void>();
  private readonly images: SeenImages;
  private stopLooking: (() => Promise<void>) | undefined;

  constructor(private readonly options: LendingPartOptions) {
    const { config, memberships, blocked, names, journal, clock, bootClock, timers, randomBytes, log } =
      options;
    this.kvm = new KvmAsked({ probe: probeKvm, bootClock, log });
    this.images = new SeenImages({
      ...{ folder: config.images, architecture: debianArchitecture(), log, timers },
      onChange: () => this.changed(),
    });
    this.desk = new LeaseDesk({ lender: this, memberships, timers, randomBytes });
    this.operator = new ComputeOperator({
      lending: () => this.now?.operated(),
      lendsNothing: () => this.lendsNothing(),
      policy: policyOf(config),
      ...{ blocked, names, journal, clock },
    });
  }

  async start(): Promise<void> {
    const { log, timers } = this.options;
    await this.tryToLend();
    this.stopLooking = atIntervals(
      LOOK_AGAIN_MS,
      () => (this.now ? undefined : this.tryToLend()),
      (error) => log.error({ error }, "nothing can be lent"),
      timers,
    );
  }

  async stop(): Promise<void> {
    await this.stopLooking?.();
    this.stopLooking = undefined;
    const { now, server } = this;
    // Whoever asks on is told that there is nothing.
    this.now = undefined;
    this.missing = ["it is stopping"];
    this.changed();
    await now?.stop();
    await server?.stop();
    this.server = undefined;
  }

  detail(): string {
    const capability = this.capability();
    if (!capability) return `lends nothing: ${this.missing.join("; ")}`;
    const { leases, acceleration, free } = capability;
    const how = acceleration === "kvm" ? "" : ", emulated";
    return `${leases} virtual ${leases === 1 ? "machine" : "machines"} lent${how}; free for another: ${free.cpus} processors, ${free.memoryMiB} MiB`;
  }

  trouble(): string | undefined {
    const unkept = this.now?.unkept;
    return this.now?.trouble() ?? (unkept && `leases are not kept: ${unkept}`);
  }

  /** Why this box lends nothing now; undefined while it does. */
  lendsNothing(): string | undefined {
    return this.now ? this.now.trouble() : this.missing.join("; ");
  }

  /** What is lent, and could be; undefined while nothing can be lent at all. */
  capability(): LendingCapability | undefined {
    return this.now?.capability();
  }

  /** What other boxes are told. */
  forRecord(): ReturnType<typeof forRecord> {
    const capability = this.lendsNothing() === undefined ? this.capability() : undefined;
    return capability && forRecord(capability);
  }

  /** Saved machines; undefined while none are saved. */
  get checkpoints(): Checkpoints | undefined {
    return this.now?.checkpoints;
  }

  /** For who looks at its leases; undefined while nothing can be lent at all. */
  get lender(): Lender | undefined {
    return this.now?.lender;
  }

  async request(bytes: Uint8Array, source: Source, self?: string): Promise<LenderAnswer> {
    const why = this.lendsNothing();
    if (!this.now || why !== undefined) return { is: "refused", why: `this box lends nothing now: ${why}` };
    return this.now.lender.request(bytes, source, self);
  }

  async command(bytes: Uint8Array): Promise<LenderCommandAnswer> {
    return (await this.now?.lender.command(bytes)) ?? { is: "unknown" };
  }

  events(lease: string, told: (news: LenderNews) => void): () => void {
    return this.now?.lender.events(lease, told) ?? (() => undefined);
  }

  async tunnelEnd(lease: string, key: string): ReturnType<Lender["tunnelEnd"]> {
    return this.now?.lender.tunnelEnd(lease, key);
  }

  /** For so long a guest of the portal is lent a machine to try; undefined: not now. */
  demoMinutes(): number | undefined {
    return this.now?.demos.isOffered ? this.now.demos.minutes : undefined;
  }

  /** Tells when something else is lent than before. @returns ends it */
  onChange(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  async begin(station: string, size: DemoSize): Promise<{ id: string } | { refused: DemoRefusal }> {
    return this.now?.demos.begin(station, size) ?? { refused: "none" };
  }

  listen(id: string, station: string, hear: (news: DemoNews) => boolean): (() => void) | undefined {
    return this.now?.demos.listen(id, station, hear);
  }

  more(id: string): void {
    this.now?.demos.more(id);
  }

  type(id: string, station: string, bytes: Uint8Array): boolean {
    return this.now?.demos.type(id, station, bytes) ?? false;
  }

  leave(id: string, station: string): void {
    this.now?.demos.leave(id, station);
  }

  private async tryToLend(): Promise<void> {
    const { config, log } = this.options;
    const seen = await seeLendingGround(config, this.images.now());
    const missing = lendingNeeds(seen);
    if (missing.length > 0 || !seen.owner) return this.lack(missing);
    const accelerator = await this.kvm.how(seen.mayKvmCome);
    if (accelerator === "wait")
      return this.lack(["the kernel has not loaded KVM yet (module kvm_intel or kvm_amd)"]);
    const means = { owner: seen.owner, images: () => this.images.now(), accelerator } as const;
    const now = new LendingNow(this.options, means);
    const listen = [{ address: "0.0.0.0", port: config.port }];
    const server = new LeaseServer({ desk: this.desk, checkpoints: () => this.checkpoints, listen, log });
    try {
      await startAllOrNone([now, server]);
    } catch (error) {
      if (error instanceof LibvirtUnavailableError || error instanceof LibvirtError)
        return this.lack([`libvirt does not answer (package libvirt-daemon-system): ${error.message}`]);
      this.missing = [error instanceof Error ? error.message : String(error)];
      throw error;
    }
    this.now = now;
    this.server = server;
    this.changed();
  }

  private changed(): void {
    for (const listener of this.listeners) listener();
  }

  /** Said once, not every time. */
  private lack(missing: readonly string[]): void {
    this.missing = missing;
    const text = missing.join("; ");
    if (text !== this.told) this.options.log.info(`no virtual machines are lent: ${text}`);
    this.told = text;
  }
}
