import type { Logger } from "../../host/log.ts";
import type { Timers } from "../../host/timers.ts";
import { NotSavedError } from "../checkpoint/index.ts";
import {
  type LeaseAction,
  type LeaseEvent,
  type LeaseNews,
  type LeaseState,
  type LeaseStore,
  leaseStep,
} from "../leases/index.ts";
import type { LentMachine, MachineOrder } from "./lent-machine.ts";

/** An event without its time, which is now. */
export type Happening = LeaseEvent extends infer One
  ? One extends { atMs: number }
    ? Omit<One, "atMs">
    : never
  : never;

export interface LentLeaseOptions {
  state: LeaseState;
  order: MachineOrder;
  machine: LentMachine;
  store: Pick<LeaseStore, "begin" | "keep" | "end" | "count">;
  /** Notes something other than its end. */
  note(kind: string, why: string): Promise<void>;
  tell(news: LeaseNews): void;
  /** Journals the end of one that never came into the store. */
  noteUnkept(state: LeaseState): Promise<void>;
  /** It is over and nothing of it is left. */
  onGone(): void;
  log: Logger;
  timers: Timers;
}

const END_AGAIN_MS = 5_000;

/** One lease that was let in: carries out what its steps say, in order. */
export class LentLease {
  private current: LeaseState;
  /** Actions one after the other; what ends it waits for nothing. */
  private work: Promise<void> = Promise.resolve();
  /** It stands in the store. */
  private isBegun = false;
  private isEndKept = false;
  private isTearingDown = false;
  private lastNews: LeaseNews | undefined;

  constructor(private readonly options: LentLeaseOptions) {
    this.current = options.state;
  }

  get state(): Readonly<LeaseState> {
    return this.current;
  }

  get machine(): LentMachine {
    return this.options.machine;
  }

  get order(): MachineOrder {
    return this.options.order;
  }

  /** What its requester was told last. */
  get news(): LeaseNews | undefined {
    return this.lastNews;
  }

  /** Kept when all that follows at once is done. */
  on(happening: Happening): Promise<void> {
    const { state, actions } = leaseStep(this.current, {
      ...happening,
      atMs: this.options.timers.monotonicMs(),
    } as LeaseEvent);
    const isOtherPhase = state.phase !== this.current.phase;
    this.current = state;
    if (isOtherPhase && this.isBegun && state.phase !== "ended")
      this.queue(() => this.options.store.keep(state));
    for (const action of actions) this.carryOut(action);
    return this.work;
  }

  private carryOut(action: LeaseAction): void {
    const { machine, order, tell, note, store } = this.options;
    switch (action.type) {
      case "keep":
        this.queue(async () => {
          await store.begin(this.current, order.request);
          this.isBegun = true;
          void this.on({ type: "kept" });
        });
        break;
      case "prepareNetwork":
        this.step("network", () => machine.prepareNetwork(order));
        break;
      case "startPaused":
        this.step("start", () => machine.startPaused(order));
        break;
      case "verify":
        this.step("verify", () => machine.verify());
        break;
      case "resume":
        this.step("resume", () => machine.resume());
        break;
      case "prepareGuest":
        this.step("guest", async () => {
          const why = await machine.prepareGuest(order);
          if (why !== undefined) this.options.log.warn(`lease ${this.current.id}: ${why}`);
        });
        break;
      case "suspend":
        // A guest that does not answer is no reason for it to go on meanwhile.
        machine.breakOffGuest();
        this.queue(() => machine.suspend());
        break;
      case "checkpoint":
        this.queue(() => this.save());
        break;
      case "destroy":
        void machine
          .destroy()
          .catch((error: unknown) => this.options.log.warn({ error }, `lease ${this.current.id}`));
        break;
      case "tearDown":
        void this.tearDown();
        break;
      case "tell":
        this.lastNews = this.withHostKey(action.what);
        try {
          tell(this.lastNews);
        } catch (error) {
          this.options.log.warn({ error }, `lease ${this.current.id}: who listens fails`);
        }
        break;
      case "note":
        this.write(() => note(action.kind, action.why));
        break;
      case "journalEnd":
        void this.keepEnd();
        break;
      case "refuse":
        break;
    }
  }

  private step(step: Extract<LeaseEvent, { type: "prepared" }>["step"], task: () => Promise<void>): void {
    const isAwaited = () => this.current.phase === "preparing" && this.current.awaited === step;
    this.queue(async () => {
      // What is ending is not prepared any further.
      if (!isAwaited()) return;
      try {
        await task();
      } catch (error) {
        if (isAwaited()) throw error;
        // It was suspended meanwhile, or ends: what was broken off by it is no failure.
        this.options.log.debug({ error }, `lease ${this.current.id}: ${step} was broken off`);
        return;
      }
      void this.on({ type: "prepared", step });
    });
  }

  private async save(): Promise<void> {
    const { phase, limits, usedMs } = this.current;
    if (phase !== "checkpointing") return;
    const leftS = Math.max(0, Math.floor((limits.durationMs - usedMs) / 1_000));
    try {
      await this.options.machine.save(this.options.order, leftS);
    } catch (error) {
      if (!(error instanceof NotSavedError)) throw error;
      void this.on({ type: "notSaved", why: error.message });
      return;
    }
    void this.on({ type: "checkpointed" });
  }

  private withHostKey(news: LeaseNews): LeaseNews {
    return news.is === "running" ? { ...news, hostKey: this.options.machine.hostKey } : news;
  }

  private queue(task: () => Promise<void>): void {
    this.work = this.work.then(task).catch((error: unknown) => {
      const why = error instanceof Error ? error.message : String(error);
      this.options.log.warn({ error }, `lease ${this.current.id}`);
      void this.on({ type: "failed", why });
    });
  }

  /** What is written down of it: that it could not be is no reason to end a machine. */
  private write(task: () => Promise<void>): void {
    this.work = this.work
      .then(task)
      .catch((error: unknown) =>
        this.options.log.error({ error }, `lease ${this.current.id}: not written down`),
      );
  }

  private async tearDown(): Promise<void> {
    const { machine, store, log } = this.options;
    // What does not go is tried again and again, but not twice at once.
    if (this.isTearingDown) return;
    this.isTearingDown = true;
    try {
      const traffic = await machine.tearDown();
      if (traffic)
        await store.count(this.current.id, { upBytes: traffic.up.bytes, downBytes: traffic.down.bytes });
      // What was under way when it began to end may have made something anew since.
      await this.work;
      await machine.tearDown();
      await this.on({ type: "tornDown" });
      this.goneIfOver();
    } catch (error) {
      log.warn({ error }, `lease ${this.current.id}: something of it stays; it is tried again`);
    } finally {
      this.isTearingDown = false;
    }
  }

  /** Again and again, until it is in the journal. */
  private async keepEnd(): Promise<void> {
    const { store, log, noteUnkept } = this.options;
    try {
      // Its row may be on its way to the medium.
      await this.work;
      if (this.isBegun) await store.end(this.current);
      else await noteUnkept(this.current);
      this.isEndKept = true;
      this.goneIfOver();
    } catch (error) {
      log.error({ error }, `lease ${this.current.id}: its end is not in the journal yet`);
      this.options.timers.after(END_AGAIN_MS, () => void this.keepEnd());
    }
  }

  private goneIfOver(): void {
    if (!this.isEndKept || !this.current.isTornDown) return;
    this.options.order.restore?.done(false);
    this.options.onGone();
  }
}
