import type { Timers } from "../host/timers.ts";
import { rankOf } from "./priority.ts";
import type { FailureReason, Fate, Outgoing } from "./radio.ts";

export interface OneByOneOptions {
  timers: Timers;
  maxPayloadBytes: () => number;
  /** Puts one packet on the air. @param end what became of it, once; never before this has returned */
  start: (outgoing: Outgoing, end: (fate: Fate) => void) => void;
}

interface Waiting {
  outgoing: Outgoing;
  told: (fate: Fate) => void;
}

/** Packets that wait; more are refused. */
const MAX_WAITING = 16;

const failed = (reason: FailureReason, detail: string): Fate => ({ state: "failed", reason, detail });

/** For a module that has no queue: one packet after the other, the most urgent first. */
export class OneByOne {
  private waiting: Waiting[] = [];
  private current: Waiting | undefined;
  private closedFor: string | undefined = "the radio is not open yet";

  constructor(private readonly options: OneByOneOptions) {}

  open(): void {
    this.closedFor = undefined;
  }

  /** Everything fails, and what comes later too. */
  close(detail: string): void {
    const ended = [...(this.current ? [this.current] : []), ...this.waiting];
    this.closedFor = detail;
    this.current = undefined;
    this.waiting = [];
    for (const { told } of ended) this.later(() => told(failed("radio-gone", detail)));
  }

  send(outgoing: Outgoing, told: (fate: Fate) => void): void {
    const failure = this.failureOf(outgoing);
    if (failure) {
      this.later(() => told(failure));
      return;
    }
    const one: Waiting = { outgoing: { ...outgoing, payload: outgoing.payload.slice() }, told };
    const rank = rankOf(outgoing.priority);
    const behind = this.waiting.findIndex((other) => rankOf(other.outgoing.priority) > rank);
    this.waiting.splice(behind < 0 ? this.waiting.length : behind, 0, one);
    this.later(() => {
      if (this.closedFor !== undefined) return;
      told({ state: "queued" });
      this.next();
    });
  }

  private failureOf({ payload }: Outgoing): Fate | undefined {
    if (this.closedFor !== undefined) return failed("radio-gone", this.closedFor);
    if (payload.length === 0) return failed("refused", "payload: it is empty");
    const max = this.options.maxPayloadBytes();
    if (payload.length > max)
      return failed("too-large", `payload: ${payload.length} bytes, more than ${max}`);
    if (this.waiting.length >= MAX_WAITING)
      return failed("queue-full", `${MAX_WAITING} packets wait already`);
    return undefined;
  }

  private later(task: () => void): void {
    this.options.timers.after(0, task);
  }

  private next(): void {
    if (this.current) return;
    const one = this.waiting.shift();
    if (!one) return;
    this.current = one;
    this.options.start(one.outgoing, (fate) => {
      if (this.current !== one) return;
      this.current = undefined;
      one.told(fate);
      this.next();
    });
  }
}
