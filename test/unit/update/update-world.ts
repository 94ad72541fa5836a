import {
  firstUpdateState,
  type Outcome,
  otherSlot,
  type Slot,
  type UpdateState,
} from "../../../src/update/update-state.ts";
import {
  isProving,
  type Running,
  type UpdateAction,
  type UpdateEvent,
  updateStep,
} from "../../../src/update/update-step.ts";

/** What becomes of a system that is started. */
type Quality = "good" | "does-not-start" | "unwell" | "crashes";

interface Content {
  version: string;
  quality: Quality;
  /** Not all of it was written. */
  isTorn: boolean;
}

class PowerCut extends Error {}

/**
 * A box with two slots, a boot loader that keeps to what `boot-slot` says of it, and a power supply that can't be relied on.
 * What the medium has, and nothing else, outlives a cut.
 */
export class UpdateWorld {
  cuts = 0;
  /** On the medium. */
  private state: UpdateState = firstUpdateState();
  private readonly slots: Record<Slot, Content> = {
    A: { version: "1.0.0", quality: "good", isTorn: false },
    B: { version: "", quality: "does-not-start", isTorn: true },
  };
  private confirmedSlot: Slot = "A";
  private trial: Slot | undefined;
  private readonly bundles = new Map<string, { version: string; quality: Quality }>();

  private running: Running = { slot: "A", version: "1.0.0", start: "normal", bootId: "boot-0" };
  private boots = 0;
  private watchSaid: string | undefined;
  private made = 0;
  private isPowerSafe = false;
  private readonly told: Outcome[] = [];
  private installedWhileHeld = false;

  constructor(private readonly random: () => number) {
    this.survive(() => this.send({ kind: "started", watchSaid: undefined }));
  }

  get version(): string {
    return this.slots[this.running.slot].version;
  }

  get isConfirmed(): boolean {
    return this.confirmedSlot === this.running.slot && this.state.stage === "idle";
  }

  count(kind: Outcome["kind"]): number {
    return this.told.filter((one) => one.kind === kind).length;
  }

  /** One thing happens. */
  happen(): void {
    this.survive(() => {
      const roll = this.random();
      if (roll < 0.1) this.cut();
      else if (roll < 0.25) this.offer(this.anyQuality());
      else if (roll < 0.55) this.send({ kind: "may", wellParts: [] });
      else if (roll < 0.6) this.send({ kind: "hold" });
      else if (roll < 0.68) this.send({ kind: "release" });
      else if (roll < 0.7 && this.slots[otherSlot(this.running.slot)].isTorn === false)
        this.send({ kind: "rollback", wellParts: [] });
      else if (roll < 0.75) this.send({ kind: "asked" });
      else if (roll < 0.8) this.send({ kind: "started", watchSaid: undefined });
      else this.live();
    });
  }

  /** The power stays on, and nobody holds anything back, until nothing goes on by itself. */
  settle(): void {
    this.isPowerSafe = true;
    this.survive(() => this.send({ kind: "release" }));
    for (let round = 0; round < 40; round += 1) {
      this.survive(() => this.send({ kind: "may", wellParts: [] }));
      this.survive(() => this.live());
    }
  }

  offerGood(): string {
    return this.offer("good");
  }

  /** What has to be so at any time. */
  check(): void {
    const { isTorn, quality } = this.slots[this.confirmedSlot];
    if (isTorn || quality !== "good") throw new Error(`slot ${this.confirmedSlot} starts, and is ${quality}`);
    if (this.installedWhileHeld) throw new Error("installed while it was held");
    const isOnTrial = this.running.slot !== this.confirmedSlot;
    if (isOnTrial && !isProving(this.state, this.running))
      throw new Error(`slot ${this.running.slot} runs unconfirmed, and nobody knows of it`);
  }

  private anyQuality(): Quality {
    const roll = this.random();
    if (roll < 0.55) return "good";
    if (roll < 0.7) return "does-not-start";
    return roll < 0.85 ? "unwell" : "crashes";
  }

  private offer(quality: Quality): string {
    this.made += 1;
    const [id, version] = [`bundle-${this.made}`, `1.${this.made}.0`];
    this.bundles.set(id, { version, quality });
    const facts = { id, file: id, version, from: "a stick", mayBeOlder: false, isAsked: false, installs: 0 };
    this.send({ kind: "ready", candidate: facts });
    return version;
  }

  /** What runs shows how it is. */
  private live(): void {
    const { quality } = this.slots[this.running.slot];
    if (quality === "good") this.send({ kind: "well" });
    else if (quality === "unwell") this.send({ kind: "unwell", reason: "unwell" });
    else this.send({ kind: "started", watchSaid: undefined });
  }

  private send(event: UpdateEvent): void {
    const { state, actions } = updateStep(this.state, this.running, event);
    this.mayBeCut();
    // Written down before anything is done.
    this.state = structuredClone(state);
    for (const action of actions) {
      this.mayBeCut();
      this.act(action);
    }
  }

  private act(action: UpdateAction): void {
    switch (action.kind) {
      case "install": {
        if (this.state.isHeld) this.installedWhileHeld = true;
        const bundle = this.bundles.get(action.file);
        if (!bundle) throw new Error(`nobody offered ${action.file}`);
        const slot = otherSlot(this.running.slot);
        if (slot === this.confirmedSlot) throw new Error("what starts is about to be overwritten");
        this.slots[slot] = { ...bundle, isTorn: true };
        this.mayBeCut();
        this.slots[slot].isTorn = false;
        this.send({ kind: "installed" });
        return;
      }
      case "try":
        this.trial = action.slot;
        this.mayBeCut();
        this.boot();
        return;
      case "go-back":
        this.boot();
        return;
      case "confirm":
        this.confirmedSlot = this.running.slot;
        this.trial = undefined;
        this.mayBeCut();
        this.send({ kind: "confirmed" });
        return;
      case "tell":
        this.told.push(action.outcome);
    }
  }

  private mayBeCut(): void {
    if (!this.isPowerSafe && this.random() < 0.05) throw new PowerCut();
  }

  private survive(action: () => void): void {
    try {
      action();
    } catch (error) {
      if (!(error instanceof PowerCut)) throw error;
      this.cut();
    }
  }

  private cut(): void {
    this.cuts += 1;
    for (;;) {
      try {
        this.boot();
        return;
      } catch (error) {
        if (!(error instanceof PowerCut)) throw error;
        this.cuts += 1;
      }
    }
  }

  /** As `grub.cfg` and a Raspberry Pi's firmware do it. */
  private boot(): void {
    this.boots += 1;
    const slot = this.trial ?? this.confirmedSlot;
    const start = slot === this.confirmedSlot ? "normal" : "trial";
    this.trial = undefined;
    const { isTorn, quality, version } = this.slots[slot];
    if (isTorn || quality === "does-not-start") {
      if (start === "normal") throw new Error(`slot ${slot} does not start`);
      // The kernel gives up and restarts; now and then it hangs, and whoever watches ends it.
      if (this.random() < 0.3) this.watchSaid = "it did not report";
      this.boot();
      return;
    }
    this.running = { slot, version, start, bootId: `boot-${this.boots}` };
    const { watchSaid } = this;
    this.watchSaid = undefined;
    this.send({ kind: "started", watchSaid });
  }
}
