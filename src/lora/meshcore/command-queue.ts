import type { Timers } from "../../host/timers.ts";
import { RadioError } from "../radio.ts";
import type { Answer } from "./answers.ts";
import { errorText } from "./codes.ts";

/** The firmware answered by an error. */
export class FirmwareError extends Error {
  override readonly name = "FirmwareError";
  constructor(
    command: string,
    readonly code: number,
  ) {
    super(`${command}: ${errorText(code)}`);
  }
}

export const asRadioError = (error: FirmwareError | RadioError): RadioError =>
  error instanceof RadioError ? error : new RadioError("refused", error.message);

export interface Command<T> {
  /** For errors and the log. */
  name: string;
  frame: Uint8Array;
  /** Looks at an answer. @returns its result when that was the last one, "more" when others follow, else undefined */
  take: (answer: Answer) => { result: T } | "more" | undefined;
  /** For what may be lost while the radio starts: written anew each time when so long nothing has come, in ms. */
  repeatMs?: number;
}

export type Outcome<T> = { result: T } | { error: FirmwareError | RadioError };

interface Waiting {
  command: Command<unknown>;
  done: (outcome: Outcome<unknown>) => void;
}

/** The firmware answers within milliseconds; what takes so long does not come any more. */
export const ANSWER_TIMEOUT_MS = 5_000;

export interface CommandQueueOptions {
  timers: Timers;
  write: (frame: Uint8Array) => void;
  /**
   * What is asked after a command that was not answered, before any other: its answer cannot be taken for one that
   * comes late, as `ok` could. The firmware is silent when this is not answered either.
   */
  resync: () => Command<unknown>;
  onSilent: (detail: string) => void;
}

/**
 * Matches answers to commands: the firmware has no numbers for them, so one is under way at a time. What the radio
 * sends unasked does not come here.
 */
export class CommandQueue {
  private readonly waiting: Waiting[] = [];
  private current: Waiting | undefined;
  private callOff: () => void = () => {};
  private callOffRepeat: () => void = () => {};
  private closed: RadioError | undefined;
  private resyncing = false;

  constructor(private readonly options: CommandQueueOptions) {}

  /** `done` is called once, never before this has returned. */
  run<T>(command: Command<T>, done: (outcome: Outcome<T>) => void): void {
    if (this.closed) {
      const error = this.closed;
      this.options.timers.after(0, () => done({ error }));
      return;
    }
    // The queue gives back only what this very command's `take` has made.
    this.waiting.push({ command, done: done as Waiting["done"] });
    this.next();
  }

  /** @returns whether a command has taken it */
  answer(answer: Answer): boolean {
    const { current } = this;
    if (!current) return false;
    if (answer.kind === "error") {
      // While resyncing, an error belongs to the command that was given up.
      if (this.resyncing) return false;
      this.end({ error: new FirmwareError(current.command.name, answer.code) });
      return true;
    }
    const taken = current.command.take(answer);
    if (taken === "more") this.awaitAnswer();
    else if (taken) this.end(taken);
    return taken !== undefined;
  }

  /** Everything that waits fails, and what comes later too. */
  close(error: RadioError): void {
    if (this.closed) return;
    this.closed = error;
    this.callOffTimers();
    const failed = [...(this.current ? [this.current] : []), ...this.waiting.splice(0)];
    this.current = undefined;
    for (const { done } of failed) done({ error });
  }

  private next(): void {
    if (this.current) return;
    this.current = this.waiting.shift();
    if (!this.current) return;
    this.awaitAnswer();
    this.write(this.current.command);
  }

  private awaitAnswer(): void {
    this.callOffTimers();
    this.callOff = this.options.timers.after(ANSWER_TIMEOUT_MS, () => this.expire());
  }

  private write(command: Command<unknown>): void {
    const { frame, repeatMs } = command;
    if (repeatMs !== undefined)
      this.callOffRepeat = this.options.timers.after(repeatMs, () => this.write(command));
    this.options.write(frame);
  }

  private callOffTimers(): void {
    this.callOff();
    this.callOffRepeat();
  }

  private end(outcome: Outcome<unknown>): void {
    const { current } = this;
    this.callOffTimers();
    this.current = undefined;
    this.resyncing = false;
    current?.done(outcome);
    this.next();
  }

  private expire(): void {
    const { current } = this;
    if (!current) return;
    const detail = `${current.command.name}: no answer within ${ANSWER_TIMEOUT_MS} ms`;
    const wasResync = this.resyncing;
    this.callOffTimers();
    this.current = undefined;
    if (!wasResync) {
      this.resyncing = true;
      this.waiting.unshift({ command: this.options.resync(), done: () => {} });
    }
    current.done({ error: new RadioError("no-answer", detail) });
    if (wasResync) this.options.onSilent(detail);
    else this.next();
  }
}
