import { join } from "node:path";
import type { UpdateConfig } from "../config/index.ts";
import type { Clock } from "../host/clock.ts";
import { atIntervals, onceAtATime } from "../host/intervals.ts";
import type { Logger } from "../host/log.ts";
import type { Part } from "../host/part.ts";
import type { Timers } from "../host/timers.ts";
import { type Document, openDocument } from "../store/index.ts";
import { BundleShelf } from "./bundle/bundle-shelf.ts";
import { ailment, HealthWatch, type Vitals } from "./health.ts";
import { Intake, type IntakeOptions } from "./intake.ts";
import type { Machine } from "./machine.ts";
import { type Surroundings, whyNotYet } from "./may-go-on.ts";
import type { UpdateNetworks } from "./neighbours/update-network.ts";
import { firstUpdateState, otherSlot, type UpdateState, updateStateSchema } from "./update-state.ts";
import { isProving, type Running, type UpdateAction, type UpdateEvent, updateStep } from "./update-step.ts";
import { type UpdateView, updateText, updateView } from "./update-view.ts";

export interface UpdatePartOptions {
  config: UpdateConfig;
  machine: Machine;
  stateFolder: string;
  networks: UpdateNetworks;
  /** What the box is like now. */
  vitals: () => Promise<Vitals>;
  openSos: () => number;
  power: () => Surroundings["power"];
  /** Whether the clock has been set since the box started, by somebody to be trusted. */
  isClockKnown: () => boolean;
  clock: Clock;
  timers: Timers;
  /** How bundles are checked, where it is not by the machine's own RAUC configuration. */
  check?: IntakeOptions["check"];
  journal: {
    append(part: string, kind: string, subject: string, detail: Record<string, unknown>): Promise<void>;
  };
  log: Logger;
}

const LOOK_EVERY_MS = 5_000;
const DAY_HOURS = 24;
/** Whoever asks has an answer after this at the latest. */
const PATIENCE_MS = 5_000;

/**
 * Keeps the box's system up to date: takes bundles from sticks, neighbours, the internet and the operator, installs them to
 * the other slot when it may, tries them, and judges whether the box is well with them (`update-step.ts` says what comes
 * next). What is to become of an update is on the medium before it is done.
 */
export class UpdatePart implements Part {
  readonly name = "update";
  private document: Document<UpdateState> | undefined;
  private running: Running | undefined;
  private health: HealthWatch | undefined;
  private intake: Intake | undefined;
  private readonly ends: (() => unknown)[] = [];
  private unable: string | undefined;
  private isOtherGood = false;
  private waitsFor = "";
  /** Events one after the other. */
  private turn: Promise<void> = Promise.resolve();
  /** What takes long: an installation. */
  private work: Promise<void> = Promise.resolve();

  constructor(private readonly options: UpdatePartOptions) {}

  async start(): Promise<void> {
    const { machine, stateFolder, timers, config, log } = this.options;
    const folder = join(stateFolder, "update");
    this.running = await machine.running();
    this.unable = await machine.unable();
    this.document = openDocument(join(folder, "update.json"), updateStateSchema, firstUpdateState);
    for (const torn of this.document.setAside)
      log.error(`what was known of updates could not be read; it is in ${torn}`);
    const deadlineMs = config.trial_minutes * 60_000;
    this.health = new HealthWatch(timers.monotonicMs(), { deadlineMs });
    await this.send({ kind: "started", watchSaid: machine.watchSaid() });
    const { networks, check, journal } = this.options;
    this.intake = new Intake({
      ...{ config, networks, journal, timers, log },
      ...(check ? { check } : {}),
      shelf: new BundleShelf(folder),
      running: { compatible: machine.compatible, version: this.running.version },
      state: () => this.state,
      mayFetch: () => !this.state.isHeld && this.options.openSos() === 0,
      ready: (candidate) => this.send({ kind: "ready", candidate }),
    });
    await this.intake.start();
    this.ends.push(atIntervals(LOOK_EVERY_MS, () => this.look(), this.failed, timers));
  }

  async stop(): Promise<void> {
    for (const end of this.ends.splice(0)) await end();
    await this.intake?.stop();
    this.intake = undefined;
    await this.turn;
    // RAUC goes on by itself; what comes of it is found at the next start.
  }

  detail(): string {
    return this.view() === undefined ? "not started" : updateText(this.shown).slice(0, 2).join(" ");
  }

  trouble(): string | undefined {
    return this.unable;
  }

  /** undefined before it has started. */
  view(): UpdateView | undefined {
    return this.running && this.document ? this.shown : undefined;
  }

  /** Looks everywhere for something newer, from now on. */
  check(): void {
    void this.intake?.checkNow().catch(this.failed);
  }

  /** The operator's word. @returns what came of it, in words */
  async say(word: "install" | "hold" | "release" | "rollback"): Promise<string> {
    if (word === "install") {
      // What has just been copied here is the operator's word itself, once it has been looked through.
      const looked = this.intake?.lookAtIncoming();
      await Promise.race([
        looked,
        new Promise<void>((resolve) => this.options.timers.after(PATIENCE_MS, resolve)),
      ]);
      if (!this.state.candidate) return updateText(this.shown).join("\n");
      await this.send({ kind: "asked" });
    } else if (word === "rollback") {
      if (!this.isOtherGood && !isProving(this.state, this.now))
        return "There is no other system that was ever found good.";
      const refusal = this.whyNot(true);
      if (refusal !== undefined) return `Not now: ${refusal}.`;
      await this.send({ kind: "rollback", wellParts: await this.wellParts() });
    } else await this.send({ kind: word });
    await this.look();
    return updateText(this.shown).join("\n");
  }

  private get state(): UpdateState {
    return this.document?.data ?? firstUpdateState();
  }

  private get now(): Running {
    if (!this.running) throw new Error("update: not started");
    return this.running;
  }

  private get shown(): UpdateView {
    const { intake, waitsFor, isOtherGood } = this;
    const { fetching, refusal = "", isChecking = false } = intake ?? {};
    return updateView(this.state, this.now, {
      ...{ fetching, refusal, isChecking, waitsFor, isOtherGood },
      neighbours: intake?.neighbours() ?? [],
    });
  }

  /** One round: how the box is, and whether the next step may be taken. */
  private readonly look = onceAtATime(async () => {
    await this.judge();
    this.isOtherGood = await this.options.machine.isGood(otherSlot(this.now.slot));
    const { stage, candidate } = this.state;
    if (stage !== "waiting" && stage !== "installed") {
      this.waitsFor = "";
      return;
    }
    this.waitsFor = this.whyNot(candidate?.isAsked === true) ?? "";
    if (this.waitsFor === "") await this.send({ kind: "may", wellParts: await this.wellParts() });
  });

  private whyNot(isAsked: boolean): string | undefined {
    const { openSos, power, isClockKnown, clock, config } = this.options;
    const surroundings: Surroundings = {
      isHeld: this.state.isHeld,
      isAsked,
      openSos: openSos(),
      power: power(),
      utcHour: Math.floor(clock.wallMs() / 3_600_000) % DAY_HOURS,
      isClockKnown: isClockKnown(),
      unable: this.unable,
    };
    return whyNotYet(surroundings, config);
  }

  private async judge(): Promise<void> {
    const { state, now, health } = this;
    if (!health || (state.confirmedBootId === now.bootId && !isProving(state, now))) return;
    const partsBefore = isProving(state, now) ? (state.trial?.partsBefore ?? []) : [];
    const what = ailment(await this.options.vitals(), partsBefore);
    const { judgement, reason } = health.see(what, this.options.timers.monotonicMs());
    if (judgement === "well") await this.send({ kind: "well" });
    if (judgement === "unwell") await this.send({ kind: "unwell", reason });
  }

  private async wellParts(): Promise<string[]> {
    const { parts } = await this.options.vitals();
    return parts.filter(({ isWell, name }) => isWell && name !== this.name).map(({ name }) => name);
  }

  private send(event: UpdateEvent): Promise<void> {
    const done = this.turn.then(async () => {
      const { document } = this;
      if (!document) return;
      const { state, actions } = updateStep(document.data, this.now, event);
      if (state !== document.data) document.update((data) => Object.assign(clear(data), state));
      for (const action of actions) await this.act(action);
    });
    this.turn = done.catch(() => undefined);
    return done;
  }

  private async act(action: UpdateAction): Promise<void> {
    const { machine, journal } = this.options;
    switch (action.kind) {
      case "install":
        this.work = machine.install(action.file).then(
          () => this.send({ kind: "installed" }),
          (error) => this.send({ kind: "install-failed", reason: wordsOf(error) }),
        );
        this.work.catch(this.failed);
        return;
      case "try":
        // What waits for the restart waits no longer than the restart takes.
        await machine
          .try(action.slot)
          .catch((error) => void this.send({ kind: "try-failed", reason: wordsOf(error) }));
        return;
      case "go-back":
        await machine.restart();
        return;
      case "confirm":
        await machine.confirm();
        void this.send({ kind: "confirmed" }).catch(this.failed);
        return;
      case "tell": {
        const { kind, version, before, slot, reason } = action.outcome;
        await journal.append("update", kind, version, { before, slot, reason });
      }
    }
  }

  private readonly failed = (error: unknown) =>
    this.options.log.error({ error }, "an update could not go on");
}

const wordsOf = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).slice(0, 500);

/** A document is changed in place. */
function clear(data: UpdateState): UpdateState {
  for (const key of Object.keys(data)) Reflect.deleteProperty(data, key);
  return data;
}
