import type { Logger } from "../../host/log.ts";
import type { Timers } from "../../host/timers.ts";
import { type RadioClock, RadioError } from "../radio.ts";
import { AirUse } from "./air-use.ts";
import type { DeviceInfo, SelfInfo } from "./answers.ts";
import { ERROR } from "./codes.ts";
import { asRadioError, type Command, FirmwareError, type Outcome } from "./command-queue.ts";
import { ContactBook } from "./contact-book.ts";
import type { QueueLength } from "./departures.ts";
import * as requests from "./requests.ts";

/** Messages come with their SNR from here on. */
const MIN_PROTOCOL = 3;
const STATS_PROTOCOL = 8;
/** Whole seconds, cut off: on average it is half of one later. */
const HALF_SECOND_MS = 500;

export interface KnowledgeOptions {
  timers: Timers;
  log: Logger;
  run: <T>(command: Command<T>, done: (outcome: Outcome<T>) => void) => void;
  onRestarted: () => void;
}

/** What the radio has told of itself and of others, and the questions that it told it for. */
export class Knowledge {
  self: SelfInfo | undefined;
  device: DeviceInfo | undefined;
  milliVolts: number | undefined;
  readonly contacts = new ContactBook();
  readonly airUse = new AirUse();
  /** The radio's clock minus ours, in seconds. */
  private clockOffset: number | undefined;
  /** The same for others, when it was asked. Whoever had the radio before has set it. */
  clock: RadioClock | undefined;
  private uptimeSeconds = 0;

  constructor(private readonly options: KnowledgeOptions) {}

  /** By the radio's clock, which may be wrong; undefined while unknown. */
  nowSeconds(): number | undefined {
    return this.clockOffset === undefined ? undefined : this.ownSeconds() + this.clockOffset;
  }

  /** Asks for everything. */
  learnAll(done: () => void, giveUp: (error: RadioError) => void): void {
    const { run } = this.options;
    const need = <T>(command: Command<T>, tries: number, next: (result: T) => void) =>
      run(command, (outcome) => {
        if ("result" in outcome) next(outcome.result);
        else if (tries > 1) need(command, tries - 1, next);
        else giveUp(asRadioError(outcome.error));
      });
    const getStarted = () =>
      need(requests.askSelf(), 1, (self) => {
        this.self = self;
        this.learnTime(() => this.learnContacts(() => this.look(done)));
      });
    // The first question may be lost in what the radio says while it starts.
    need(requests.askDevice(), 2, (device) => {
      this.device = device;
      const version = device.protocolVersion;
      if (version >= MIN_PROTOCOL) getStarted();
      else
        giveUp(new RadioError("unsupported", `MeshCore's protocol ${version} is older than ${MIN_PROTOCOL}`));
    });
  }

  /** Asks for the contacts that are new or have changed. */
  learnContacts(next: () => void): void {
    const { contacts } = this;
    const ask = requests.askContacts(contacts.modifiedSeconds, (contact) => contacts.put(contact));
    this.options.run(ask, (outcome) => {
      if ("error" in outcome) this.options.log.warn(outcome.error.message);
      else contacts.haveAll();
      next();
    });
  }

  /** Asks for what changes with time. */
  look(next: () => void): void {
    this.options.run(requests.askBattery(), (outcome) => {
      if ("result" in outcome) this.milliVolts = outcome.result;
      this.learnAirUse(() => this.askQueueLength(next));
    });
  }

  askQueueLength(done: (queued: QueueLength) => void): void {
    if (!this.hasStats) {
      done("unsupported");
      return;
    }
    this.options.run(requests.askCoreStats(), (outcome) => {
      if ("result" in outcome) {
        const { uptimeSeconds, queued } = outcome.result;
        if (uptimeSeconds < this.uptimeSeconds) this.options.onRestarted();
        this.uptimeSeconds = uptimeSeconds;
        done(queued);
      } else {
        const { error } = outcome;
        done(error instanceof FirmwareError && error.code === ERROR.unsupported ? "unsupported" : "unknown");
      }
    });
  }

  private learnTime(next: () => void): void {
    this.options.run(requests.askTime(), (outcome) => {
      if ("result" in outcome) {
        const heardMs = this.options.timers.monotonicMs();
        this.clockOffset = outcome.result - this.ownSeconds();
        this.clock = {
          epochMs: outcome.result * 1_000 + HALF_SECOND_MS - heardMs,
          heardMs,
          bySatellites: false,
        };
      }
      next();
    });
  }

  private learnAirUse(next: () => void): void {
    if (!this.hasStats) {
      next();
      return;
    }
    this.options.run(requests.askRadioStats(), (outcome) => {
      const atMs = this.options.timers.monotonicMs();
      if ("result" in outcome) this.airUse.note({ atMs, ...outcome.result });
      next();
    });
  }

  private get hasStats(): boolean {
    return (this.device?.protocolVersion ?? 0) >= STATS_PROTOCOL;
  }

  private ownSeconds(): number {
    return Math.floor(this.options.timers.monotonicMs() / 1_000);
  }
}
