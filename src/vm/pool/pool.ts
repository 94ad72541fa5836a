import { readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { atIntervals } from "../../host/intervals.ts";
import type { Logger } from "../../host/log.ts";
import type { Timers } from "../../host/timers.ts";
import { parseMemoryInfo } from "../capability/memory-info.ts";
import { leaseNames } from "../guest-link.ts";
import type { Cause } from "../host-first/index.ts";
import type { VmImage } from "../image/index.ts";
import { type DomainEvent, isOnlyLate, LateDomains } from "../libvirt/index.ts";
import { type Asked, type PoolPolicy, type PoolStep, planPool, type Stock } from "./plan-pool.ts";
import { newId, type PoolGround, type PoolWorks } from "./pool-ground.ts";
import { endPooledMachine, makePooledMachine, type PooledMachine } from "./pooled-machine.ts";
import { isSameShape, type Shape, type ShapeWish, shapeOf, shapeText } from "./shape.ts";
import { makeWarmFile, removeWarmFile, type WarmFile, warmKey } from "./warm-file.ts";

export interface PoolOptions {
  ground: PoolGround;
  policy: PoolPolicy;
  /** Those that there are now. */
  images(): readonly VmImage[];
  /** What the box has too little of for its own work now: `HostFirst.causes`. */
  causes(): readonly Cause[];
  log: Logger;
  timers: Timers;
  /** The kernel's estimate, MiB; by default /proc/meminfo's. */
  availableMemoryMiB?(): number;
}

const LOOK_EVERY_MS = 1_000;
/** A lease that was just served has the box for itself: the next machine is made after that. */
const REST_MS = 3_000;
/** After something could not be made; twice as long each further time … */
const RETRY_MS = 10_000;
/** … up to this. */
const LONGEST_RETRY_MS = 600_000;
/** Requests that are remembered, for what is asked for often. */
const MOST_ASKED = 100;
/** What QEMU needs beside the guest's pages that the file has; measured. */
const QEMU_MIB = 60;

/**
 * Machines that wait for a lease, paused and never used: made of a file in the background, and given to one lease each.
 * A machine comes out of it without tunnel keys, rules and randomness of its own: whoever claims it gives it those before
 * it runs, and then it is the lease's and never comes back.
 *
 * Restored machines do not end with libvirt's connection: the reaper ends them when this process dies, by their names.
 * It is to be started when what earlier daemons have left is swept, and stopped before libvirt's connection is closed.
 */
export class Pool {
  private files: WarmFile[] = [];
  private machines: PooledMachine[] = [];
  private asked: Asked[] = [];
  /** Ids of what is just being made. */
  private readonly underWay = new Set<string>();
  /** What is to go, by id, until it is gone. */
  private readonly ending = new Map<string, () => Promise<void>>();
  private making: Promise<void> | undefined;
  private restUntilMs = 0;
  /** By the shape's text: how often in a row it could not be made, and until when that is not tried again. */
  private readonly failures = new Map<string, { shape: Shape; times: number; untilMs: number }>();
  private qemuVersion = 0;
  private stopLooking: (() => Promise<void>) | undefined;
  private isStopping = false;
  private readonly ground: PoolWorks;

  constructor(private readonly options: PoolOptions) {
    const late = new LateDomains(() => options.timers.monotonicMs());
    this.ground = { ...options.ground, late };
  }

  start(): void {
    const { ground } = this;
    const { log, timers } = this.options;
    this.isStopping = false;
    for (const name of filesIn(ground.folder))
      if (/^[0-9a-f]{32}\.(warm|machine)$/.test(name)) rmSync(join(ground.folder, name), { force: true });
    const failed = (error: unknown) => log.warn({ error }, "the pool of machines");
    this.stopLooking = atIntervals(LOOK_EVERY_MS, () => this.look(), failed, timers);
  }

  /** Ends all that waits, and returns when it is gone as far as it goes. */
  async stop(): Promise<void> {
    this.isStopping = true;
    await this.stopLooking?.();
    await this.callOffMaking();
    await this.idle();
    for (const machine of this.machines.splice(0)) this.end(machine);
    for (const file of this.files.splice(0)) this.endFile(file);
    await this.endAll();
    for (const id of this.ending.keys()) this.options.log.error(`something of the pool's ${id} stays`);
  }

  /**
   * A machine for a lease, its own from now on: one that waits, or else one made of the file at once. It is paused; before
   * it runs, its egress is to be brought up, attached and looked at by its own names.
   * @returns undefined: there is none of this shape, and the lease is to start one that boots
   */
  async claim(wish: ShapeWish): Promise<PooledMachine | undefined> {
    const image = this.image(wish.image);
    if (image === undefined || this.isStopping) return undefined;
    const shape = shapeOf(wish, image);
    const nowMs = this.options.timers.monotonicMs();
    this.asked = [...this.asked, { shape, atMs: nowMs }].slice(-MOST_ASKED);
    this.restUntilMs = Math.max(this.restUntilMs, nowMs + REST_MS);
    if (!this.stock().some((one) => isSameShape(one.shape, shape))) return undefined;
    const key = warmKey(this.ground, shape, image, this.qemuVersion);
    const waiting = this.machines.find((machine) => machine.key === key);
    if (waiting) {
      this.machines = this.machines.filter((machine) => machine !== waiting);
      return waiting;
    }
    const file = this.files.find((one) => one.key === key);
    if (!file) return undefined;
    try {
      return await this.made((id) => makePooledMachine(this.ground, id, file, image));
    } catch (error) {
      this.options.log.warn({ error }, `no machine of the pool (${shapeText(shape)}): the lease's own boots`);
      return undefined;
    }
  }

  /** Ends one that was claimed and did not become a lease's. Nothing is thrown: what stays is tried again. */
  async discard(machine: PooledMachine, why: unknown): Promise<void> {
    this.options.log.warn({ error: why }, `${machine.names.domain} of the pool is of no use`);
    this.end(machine);
    await this.endAll();
  }

  /** What libvirt has told. */
  onDomain({ name, kind }: DomainEvent): void {
    const machine = this.machines.find(({ names }) => names.domain === name);
    if (kind !== "stopped" || !machine) return;
    this.options.log.warn(`a machine that waited has ended: ${name}`);
    this.machines = this.machines.filter((one) => one !== machine);
    this.end(machine);
  }

  /** Kept when nothing is being made. */
  async idle(): Promise<void> {
    await this.making;
  }

  /** By which all that it has is named, for who looks after what belongs to no lease. */
  get ids(): string[] {
    const there = [...this.machines, ...this.files].map(({ id }) => id);
    return [...there, ...this.underWay, ...this.ending.keys()];
  }

  /** MiB that it would give back. */
  get memoryMiB(): number {
    return this.stock().reduce(
      (sum, { hasFile, fileMiB, machines, machineMiB }) =>
        sum + (hasFile ? fileMiB : 0) + machines * machineMiB,
      0,
    );
  }

  /** What there is of each shape, for an operator and for tests. */
  stock(): Stock[] {
    const shapes: Shape[] = [];
    for (const { shape } of [...this.files, ...this.machines])
      if (!shapes.some((one) => isSameShape(one, shape))) shapes.push(shape);
    return shapes.map((shape) => {
      const file = this.files.find((one) => isSameShape(one.shape, shape));
      const machines = this.machines.filter((one) => isSameShape(one.shape, shape)).length;
      const fileMiB = Math.ceil((file?.bytes ?? shape.memoryMiB * MIB) / MIB);
      return { shape, hasFile: file !== undefined, machines, fileMiB, machineMiB: fileMiB + QEMU_MIB };
    });
  }

  /** One look, and what follows from it; what takes long is only begun. */
  async look(): Promise<void> {
    const { policy, images, causes, timers, log } = this.options;
    this.endStale();
    await this.endAll();
    if (this.making && causes().includes("memory")) await this.callOffMaking();
    const nowMs = timers.monotonicMs();
    const step = planPool(policy, {
      ...{ stock: this.stock(), asked: this.asked, causes: causes(), nowMs },
      images: images().map(({ name }) => name),
      failing: [...this.failures.values()].filter(({ untilMs }) => nowMs < untilMs).map(({ shape }) => shape),
      availableMemoryMiB: (this.options.availableMemoryMiB ?? availableMemoryMiB)(),
    });
    if (!step || this.isStopping) return;
    if (step.do === "dropMachine" || step.do === "dropFile") {
      log.debug(`pool: ${step.do} (${shapeText(step.shape)}): ${step.why}`);
      this.drop(step);
      await this.endAll();
      return;
    }
    if (this.making || nowMs < this.restUntilMs) return;
    this.making = this.attempt(step).finally(() => {
      this.making = undefined;
    });
  }

  private async attempt(step: NonNullable<PoolStep>): Promise<void> {
    const { log, timers } = this.options;
    const { do: what, shape } = step;
    try {
      await this.make(step);
      this.failures.delete(shapeText(shape));
    } catch (error) {
      if (this.isStopping) return;
      log.warn({ error }, `pool: ${what} (${shapeText(shape)})`);
      const times = (this.failures.get(shapeText(shape))?.times ?? 0) + 1;
      const waitMs = Math.min(LONGEST_RETRY_MS, RETRY_MS * 2 ** (times - 1));
      this.failures.set(shapeText(shape), { shape, times, untilMs: timers.monotonicMs() + waitMs });
    }
  }

  private async make({ do: what, shape }: NonNullable<PoolStep>): Promise<void> {
    const { ground } = this;
    const image = this.image(shape.image);
    if (!image) return;
    // A hypervisor that was replaced meanwhile does not read the other one's files.
    this.qemuVersion = (await ground.libvirt.host()).hypervisorVersion;
    const key = warmKey(ground, shape, image, this.qemuVersion);
    if (what === "makeFile") {
      const file = await this.made(
        (id) => makeWarmFile(ground, id, shape, image, key),
        (id) => removeWarmFile(ground, id),
      );
      this.files.push(file);
      return;
    }
    const file = this.files.find((one) => one.key === key);
    if (!file) return;
    const machine = await this.made((id) => makePooledMachine(ground, id, file, image));
    // Only now: while it was made the list may have become another.
    this.machines.push(machine);
  }

  /** Makes something under a new id; what of it is there when that fails goes. */
  private async made<T>(
    make: (id: string) => Promise<T>,
    unmake = (id: string) => endPooledMachine(this.ground, id),
  ): Promise<T> {
    const id = newId(this.ground);
    this.underWay.add(id);
    try {
      return await make(id);
    } catch (error) {
      this.ending.set(id, () => unmake(id));
      throw error;
    } finally {
      this.underWay.delete(id);
    }
  }

  /** Of another image by now, or of another hypervisor. */
  private endStale(): void {
    const isFresh = ({ key, shape }: { key: string; shape: Shape }) => {
      const image = this.image(shape.image);
      return image !== undefined && warmKey(this.ground, shape, image, this.qemuVersion) === key;
    };
    const stale = this.machines.filter((one) => !isFresh(one));
    const staleFiles = this.files.filter((one) => !isFresh(one));
    this.machines = this.machines.filter(isFresh);
    this.files = this.files.filter(isFresh);
    for (const one of stale) this.end(one);
    for (const one of staleFiles) this.endFile(one);
  }

  private drop({ do: what, shape }: NonNullable<PoolStep>): void {
    if (what === "dropFile") {
      const file = this.files.find((one) => isSameShape(one.shape, shape));
      this.files = this.files.filter((one) => one !== file);
      if (file) this.endFile(file);
      return;
    }
    const machine = this.machines.findLast((one) => isSameShape(one.shape, shape));
    this.machines = this.machines.filter((one) => one !== machine);
    if (machine) this.end(machine);
  }

  private end({ id }: PooledMachine): void {
    this.ending.set(id, () => endPooledMachine(this.ground, id));
  }

  private endFile({ id }: WarmFile): void {
    this.ending.set(id, () => removeWarmFile(this.ground, id));
  }

  private async endAll(): Promise<void> {
    for (const [id, unmake] of [...this.ending]) {
      try {
        await unmake();
        this.ending.delete(id);
      } catch (error) {
        const level = isOnlyLate(error) ? "debug" : "warn";
        this.options.log[level]({ error }, `something of the pool's ${id} stays; it is tried again`);
      }
    }
  }

  /** Without its domain whatever is just being made fails. */
  private async callOffMaking(): Promise<void> {
    const { ground } = this;
    const { log } = this.options;
    for (const id of this.underWay)
      await ground.libvirt
        .destroy(leaseNames(id).domain)
        .catch((error: unknown) => log.warn({ error }, "the pool"));
  }

  private image(name: string): VmImage | undefined {
    return this.options.images().find((image) => image.name === name);
  }
}

const MIB = 1_048_576;

const availableMemoryMiB = (): number => parseMemoryInfo(readFileSync("/proc/meminfo", "utf8")).availableMiB;

function filesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return []; // Nobody has made it yet.
  }
}
