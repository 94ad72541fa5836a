import type { Timers } from "../../host/timers.ts";
import { COMMAND } from "./commands.ts";
import type { KissFrame } from "./kiss.ts";

/** No sign of a working radio for so long, beside what the firmware may be deaf for: it is asked, and then given up. */
const SILENCE_MS = 15_000;

export interface WorkWatchOptions {
  timers: Timers;
  /** For how long the firmware may be sending, and say nothing. */
  deafMs: () => number;
  /** Asks the firmware whether its radio is on. */
  ask: () => void;
  gone: (reason: string) => void;
}

/**
 * Whether the firmware still does what it was set to. When it restarts it says so once, and noise on the line may drown
 * that; from then on it answers as before and takes packets, but its radio is off. Only what comes from a radio that is
 * on counts therefore, and one that is said to be off is asked again: noise can say that too.
 */
export class WorkWatch {
  private watching = false;
  private sawWork = false;
  private isAsked = false;
  private stopTimer: () => void = () => {};

  constructor(private readonly options: WorkWatchOptions) {}

  /** The radio is on. */
  start(): void {
    this.watching = true;
    this.isAsked = false;
    this.watch();
  }

  /** It may be off for a while, or is not looked at any more. */
  stop(): void {
    this.watching = false;
    this.stopTimer();
  }

  take({ command, payload }: KissFrame): void {
    if (!this.watching) return;
    const isState = command === COMMAND.RADIO_STATE && payload.length === 1;
    if (isState && payload[0] === 0) {
      this.isOff();
    } else if (isState || command === COMMAND.STAT_CHANNEL || command === COMMAND.DATA) {
      this.sawWork = true;
      if (isState) this.isAsked = false;
    }
  }

  private isOff(): void {
    if (this.isAsked) this.options.gone("the firmware was restarted");
    else this.ask();
  }

  private ask(): void {
    this.isAsked = true;
    this.options.ask();
  }

  private watch(): void {
    const { timers, deafMs, gone } = this.options;
    this.sawWork = false;
    this.stopTimer();
    this.stopTimer = timers.after(SILENCE_MS + deafMs(), () => {
      if (!this.sawWork && this.isAsked) {
        gone("the firmware does not answer any more");
        return;
      }
      if (!this.sawWork) this.ask();
      this.watch();
    });
  }
}
