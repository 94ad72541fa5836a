import type { Timers } from "../../host/timers.ts";
import { RadioError } from "../radio.ts";
import { BROKEN_PACKET_ERRORS, ModuleError } from "./errors.ts";

export type Answer = { line: string } | { error: ModuleError | RadioError };

export interface AtCommand {
  /** Without its line end. */
  text: string;
  /** The line that ends it. */
  isAnswer: (line: string) => boolean;
  timeoutMs: number;
}

interface Waiting extends AtCommand {
  done: (answer: Answer) => void;
}

export interface AtQueueOptions {
  timers: Timers;
  write: (text: string) => void;
  /**
   * Asked after a command without an answer: its own answer cannot be mistaken for one that comes late. When it is not
   * answered either, the module is silent.
   */
  resync: AtCommand;
  onSilent: (detail: string) => void;
}

/** One command under way at a time, with its answer. */
export class AtQueue {
  private readonly waiting: Waiting[] = [];
  private current: Waiting | undefined;
  private callOff: () => void = () => {};
  private closed: RadioError | undefined;
  private resync: Waiting | undefined;

  constructor(private readonly options: AtQueueOptions) {}

  /** `done` is called once, never before this has returned. */
  run(command: AtCommand, done: (answer: Answer) => void): void {
    if (this.closed) {
      const error = this.closed;
      this.options.timers.after(0, () => done({ error }));
      return;
    }
    this.waiting.push({ ...command, done });
    this.next();
  }

  onLine(line: string): void {
    const { current } = this;
    if (!current) return;
    const code = /^\+ERR=(\d{1,3})$/.exec(line)?.[1];
    if (code === undefined) {
      if (current.isAnswer(line)) this.end({ line });
    } else if (current !== this.resync && !BROKEN_PACKET_ERRORS.includes(Number(code))) {
      this.end({ error: new ModuleError(current.text.slice(0, 24), Number(code)) });
    }
  }

  close(error: RadioError): void {
    if (this.closed) return;
    this.closed = error;
    this.callOff();
    const ended = [...(this.current ? [this.current] : []), ...this.waiting.splice(0)];
    this.current = undefined;
    for (const { done } of ended) done({ error });
  }

  private next(): void {
    if (this.current) return;
    const next = this.waiting.shift();
    if (!next) return;
    this.current = next;
    this.callOff = this.options.timers.after(next.timeoutMs, () => this.expire(next));
    this.options.write(`${next.text}\r\n`);
  }

  private end(answer: Answer): void {
    const { current } = this;
    this.callOff();
    this.current = undefined;
    current?.done(answer);
    this.next();
  }

  private expire(command: Waiting): void {
    const detail = `${command.text.slice(0, 24)}: no answer within ${command.timeoutMs} ms`;
    if (command === this.resync) {
      this.options.onSilent(detail);
    } else {
      this.resync = { ...this.options.resync, done: () => {} };
      this.waiting.unshift(this.resync);
    }
    this.end({ error: new RadioError("no-answer", detail) });
  }
}
