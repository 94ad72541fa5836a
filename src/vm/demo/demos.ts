import type { Logger } from "../../host/log.ts";
import { SourceLimiter } from "../../host/source-limiter.ts";
import type { Timers } from "../../host/timers.ts";
import type { Journal } from "../../store/index.ts";
import type { VmImage } from "../image/index.ts";
import { isOnlyLate } from "../libvirt/index.ts";
import { type DemoGround, DemoMachine } from "./demo-machine.ts";
import type { DemoSize } from "./demo-size.ts";

export interface DemosOptions {
  ground: DemoGround;
  /** `[vm.demo]` of the configuration, held to `[vm.limits]`. */
  limits: { machines: number; cpus: number; memoryMiB: number; durationMs: number };
  /** The image that visitors get; undefined: there is none. */
  image(): VmImage | undefined;
  /** What a new machine could have now. */
  free(): { cpus: number; memoryMiB: number };
  journal: Pick<Journal, "append">;
  timers: Timers;
  log: Logger;
}

export type DemoRefusal = "none" | "full" | "failed";

/** What a visitor's page is told, in order. */
export type DemoNews =
  | { is: "left"; ms: number }
  | { is: "out"; bytes: Uint8Array }
  | { is: "ended"; why: DemoEnd };

export type DemoEnd = "time" | "left" | "closed" | "machine" | "host";

interface Demo {
  id: string;
  station: string;
  machine: DemoMachine;
  startedMs: number;
  /** ms since 1970 by the box's clock. */
  startedAtMs: number;
  suspended: boolean;
  hear: ((news: DemoNews) => boolean) | undefined;
  stopReading: () => void;
  callOffTime: () => void;
  callOffLeave: () => void;
}

/** A page that lost its stream comes back; one that was closed does not. */
const COMES_BACK_MS = 10_000;
/** Tried again: libvirt may be away. */
const END_AGAIN_MS = 5_000;
/** Each that begins costs the box a start, and two lines of its journal. */
const BEGINNING = { burst: 3, perSecond: 1 / 20, totalPerSecond: 4, maxSources: 256 };
const PART = "vm";

/**
 * Machines for visitors of the portal, each for the time that its page is open and no longer than the configuration says. A
 * station has one: a second page takes it over.
 */
export class Demos {
  private readonly demos = new Map<string, Demo>();
  /** On their way out, and still there: each is kept when it is gone, or was tried in vain. */
  private readonly going = new Map<string, Promise<void>>();
  private readonly beginning: SourceLimiter;
  private isStopping = false;

  constructor(private readonly options: DemosOptions) {
    this.beginning = new SourceLimiter(BEGINNING, options.timers.monotonicMs());
  }

  /** Whether a visitor who asks now would probably get one. */
  get isOffered(): boolean {
    return !this.isStopping && this.options.image() !== undefined && this.options.limits.machines > 0;
  }

  get minutes(): number {
    return this.options.limits.durationMs / 60_000;
  }

  /** Ids of all that is there, for the reaper and for what the box says that it lends. */
  live(): { id: string; cpus: number; memoryMiB: number; diskMiB: number }[] {
    const { cpus, memoryMiB } = this.options.limits;
    return [...this.demos.keys(), ...this.going.keys()].map((id) => ({ id, cpus, memoryMiB, diskMiB: 0 }));
  }

  /** @param station whose page it is @returns the machine's id */
  async begin(station: string, size: DemoSize): Promise<{ id: string } | { refused: DemoRefusal }> {
    const { ground, limits, image, free, timers, log } = this.options;
    const known = [...this.demos.values()].find((demo) => demo.station === station);
    if (known) return { id: known.id };
    const from = image();
    if (this.isStopping || !from) return { refused: "none" };
    const room = free();
    const isFull = this.demos.size + this.going.size >= limits.machines;
    if (isFull || room.cpus < limits.cpus || room.memoryMiB < limits.memoryMiB) return { refused: "full" };
    if (!this.beginning.takes(station, timers.monotonicMs())) return { refused: "full" };
    const id = Buffer.from(ground.randomBytes(16)).toString("hex");
    const { cpus, memoryMiB, durationMs } = limits;
    const machine = new DemoMachine({ id, image: from, cpus, memoryMiB, size }, ground, () =>
      this.end(id, "machine"),
    );
    const demo: Demo = {
      ...{ id, station, machine, startedMs: timers.monotonicMs(), hear: undefined },
      ...{ startedAtMs: ground.wallMs(), suspended: false },
      stopReading: () => undefined,
      callOffTime: timers.after(durationMs, () => this.end(id, "time")),
      callOffLeave: () => undefined,
    };
    this.demos.set(id, demo);
    await this.note("demo-started", id, { minutes: durationMs / 60_000, memoryMiB });
    try {
      await machine.start();
    } catch (error) {
      log.warn({ error }, "a visitor's machine does not start");
      this.end(id, "host");
      return { refused: "failed" };
    }
    if (!this.demos.has(id)) return { refused: "failed" };
    // Only now: on a busy box the start alone may take longer than a page takes to come back.
    if (!demo.hear) this.unlessBack(demo);
    return { id };
  }

  /**
   * Gives a page what its machine says, from what is kept of it on. An earlier page of the same station is told that it is over.
   * @param hear false: it takes no more for now, until {@link more}
   * @returns what ends it: the page is gone; undefined: there is no such machine of this station
   */
  listen(id: string, station: string, hear: (news: DemoNews) => boolean): (() => void) | undefined {
    const demo = this.of(id, station);
    if (!demo) return undefined;
    const { timers, limits } = this.options;
    demo.hear?.({ is: "ended", why: "left" });
    demo.stopReading();
    demo.callOffLeave();
    demo.hear = hear;
    hear({ is: "left", ms: Math.max(0, demo.startedMs + limits.durationMs - timers.monotonicMs()) });
    demo.stopReading = demo.machine.console.read((bytes) => hear({ is: "out", bytes }));
    return () => {
      if (demo.hear !== hear) return;
      demo.hear = undefined;
      demo.stopReading();
      if (this.demos.has(id)) this.unlessBack(demo);
    };
  }

  private unlessBack(demo: Demo): void {
    demo.callOffLeave = this.options.timers.after(COMES_BACK_MS, () => this.end(demo.id, "closed"));
  }

  /** A page takes on again. */
  more(id: string): void {
    this.demos.get(id)?.machine.console.more();
  }

  /** @returns whether the machine has taken it */
  type(id: string, station: string, bytes: Uint8Array): boolean {
    return this.of(id, station)?.machine.console.type(bytes) ?? false;
  }

  /** By its visitor. */
  leave(id: string, station: string): void {
    if (this.of(id, station)) this.end(id, "left");
  }

  /** Ends all. What cannot be ended is the reaper's. */
  async stop(): Promise<void> {
    this.isStopping = true;
    for (const id of [...this.demos.keys()]) this.end(id, "host");
    await Promise.all(this.going.values());
  }

  start(): void {
    this.isStopping = false;
  }

  /** Those that are there, for who decides what gives way to the box's own work. */
  running(): Pick<Demo, "id" | "startedAtMs" | "suspended">[] {
    return [...this.demos.values()].map(({ id, startedAtMs, suspended }) => ({ id, startedAtMs, suspended }));
  }

  /** The box needs its processors for a while. @throws what libvirt says */
  async suspend(id: string): Promise<void> {
    const demo = this.demos.get(id);
    if (!demo) return;
    await this.options.ground.libvirt.suspend(demo.machine.domain);
    demo.suspended = true;
  }

  /** @throws what libvirt says */
  async resume(id: string): Promise<void> {
    const demo = this.demos.get(id);
    if (!demo) return;
    await this.options.ground.libvirt.resume(demo.machine.domain);
    demo.suspended = false;
  }

  /** The box needs the room. */
  displace(id: string): void {
    this.end(id, "host");
  }

  /** One that is told to have ended by libvirt. */
  onDomainGone(domain: string): void {
    const one = [...this.demos.values()].find(({ machine }) => machine.domain === domain);
    if (one) this.end(one.id, "machine");
  }

  private of(id: string, station: string): Demo | undefined {
    const demo = this.demos.get(id);
    return demo?.station === station ? demo : undefined;
  }

  private end(id: string, why: DemoEnd): void {
    const demo = this.demos.get(id);
    if (!demo) return;
    this.demos.delete(id);
    demo.callOffTime();
    demo.callOffLeave();
    demo.stopReading();
    demo.hear?.({ is: "ended", why });
    demo.hear = undefined;
    const lastedS = Math.round((this.options.timers.monotonicMs() - demo.startedMs) / 1_000);
    void this.note("demo-ended", id, { why, lastedS });
    this.takeAway(id, demo.machine);
  }

  private takeAway(id: string, machine: DemoMachine): void {
    const { timers, log } = this.options;
    const isGone = machine.end().then(
      () => void this.going.delete(id),
      (error: unknown) => {
        log[isOnlyLate(error) ? "debug" : "warn"]({ error }, "a visitor's machine stays");
        if (!this.isStopping) timers.after(END_AGAIN_MS, () => this.takeAway(id, machine));
      },
    );
    this.going.set(id, isGone);
  }

  /** That it cannot be written down is no reason for anything. */
  private async note(kind: string, id: string, detail: Record<string, unknown>): Promise<void> {
    const { journal, log } = this.options;
    await journal
      .append(PART, kind, id, detail)
      .catch((error: unknown) => log.error({ error }, `visitor's machine ${id}: not in the journal`));
  }
}
