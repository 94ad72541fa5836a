import type { Timers } from "../../host/timers.ts";

/** The firmware ends a session after 15 minutes of silence; and a radio that hangs is to be found sooner. */
const HEARTBEAT_MS = 60_000;
/** A heartbeat is answered within milliseconds. */
const ANSWER_MS = 5_000;
const HEARTBEATS = 3;
/** The firmware tells its telemetry every minute; without it, it may have forgotten that somebody listens. */
const FORGOTTEN_MS = 5 * 60_000;
/** The firmware sends nothing but frames to whoever has spoken to it: so much else may be what it says when it starts. */
const BOOT_TEXT_BYTES = 32;
/** Where it was not, it is a firmware that talks: so much more is needed the next time. */
const TALKATIVE_FACTOR = 8;
/** What it takes to listen after a start. */
const BOOT_MS = 3_000;

export interface SessionWatchOptions {
  timers: Timers;
  heartbeat: () => void;
  /** The firmware may be starting anew: it would not hear us now. */
  suspect: () => void;
  /** The firmware may have forgotten us. */
  doubt: () => void;
  dead: (reason: string) => void;
}

/** Whether the firmware still is there, and still knows that we are. */
export class SessionWatch {
  private heardMs = 0;
  /** When something came that only a session brings. */
  private servedMs = 0;
  private noiseBytes = 0;
  private bootTextBytes = BOOT_TEXT_BYTES;
  private callOffBeat: () => void = () => {};
  private callOffBoot: (() => void) | undefined;

  constructor(private readonly options: SessionWatchOptions) {}

  /**
   * A session has begun.
   * @param noiseBytes in all so far
   * @param isRestarted whether the firmware was started anew since the one before
   */
  start(noiseBytes: number, isRestarted: boolean): void {
    this.stop();
    if (isRestarted) this.bootTextBytes = BOOT_TEXT_BYTES;
    this.noiseBytes = noiseBytes;
    this.heardMs = this.servedMs = this.options.timers.monotonicMs();
    this.plan();
  }

  stop(): void {
    this.callOffBeat();
    this.callOffBoot?.();
    this.callOffBoot = undefined;
  }

  /** A message has come. @param isOfSession the firmware sends such only to whoever has asked for its configuration */
  heard(isOfSession: boolean): void {
    this.heardMs = this.options.timers.monotonicMs();
    if (isOfSession) this.servedMs = this.heardMs;
  }

  /** @param noiseBytes in all so far */
  noted(noiseBytes: number): void {
    if (this.callOffBoot || noiseBytes - this.noiseBytes < this.bootTextBytes) return;
    this.bootTextBytes *= TALKATIVE_FACTOR;
    const { timers, suspect, doubt } = this.options;
    this.callOffBoot = timers.after(BOOT_MS, doubt);
    suspect();
  }

  private plan(): void {
    this.callOffBeat = this.options.timers.after(HEARTBEAT_MS, () => {
      const { timers, doubt } = this.options;
      if (timers.monotonicMs() - this.servedMs >= FORGOTTEN_MS) doubt();
      else this.beat(1);
    });
  }

  private beat(count: number): void {
    const { timers, heartbeat, dead } = this.options;
    const askedMs = timers.monotonicMs();
    heartbeat();
    this.callOffBeat = timers.after(ANSWER_MS, () => {
      if (this.heardMs >= askedMs) this.plan();
      else if (count < HEARTBEATS) this.beat(count + 1);
      else dead("the firmware does not answer any more");
    });
  }
}
