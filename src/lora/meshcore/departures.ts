import type { Timers } from "../../host/timers.ts";

export type Departure = "on-air" | "held";

interface Expected {
  /** When it leaves if nothing holds it up. */
  earliestMs: number;
  limitMs: number;
  left: (how: Departure) => void;
}

/** What the radio says of its queue: how many packets, `unknown` for once, or `unsupported` by its firmware. */
export type QueueLength = number | "unknown" | "unsupported";

export interface DeparturesOptions {
  timers: Timers;
  ask: (done: (queued: QueueLength) => void) => void;
}

const LOOK_EVERY_MS = 250;
/** The firmware waits for its share of airtime, or for a free channel: so long, but not for ever. */
const HELD_LIMIT_MS = 60_000;

/**
 * Finds out when packets that the firmware has taken are on the air. It does not say so: when its queue is empty they
 * are, and where it does not tell that either, their time on the air is waited for.
 */
export class Departures {
  private expected: Expected[] = [];
  private busyUntilMs = 0;
  private callOff: () => void = () => {};
  private asking = false;

  constructor(private readonly options: DeparturesOptions) {}

  /** @returns calls it off */
  expect(airtimeMs: number, left: (how: Departure) => void): () => void {
    const nowMs = this.options.timers.monotonicMs();
    this.busyUntilMs = Math.max(nowMs, this.busyUntilMs) + airtimeMs;
    const one = { earliestMs: this.busyUntilMs, limitMs: this.busyUntilMs + HELD_LIMIT_MS, left };
    this.expected.push(one);
    this.plan();
    return () => {
      this.expected = this.expected.filter((other) => other !== one);
    };
  }

  stop(): void {
    this.callOff();
    this.expected = [];
  }

  private plan(waitMs = 0): void {
    if (this.asking) return;
    this.callOff();
    const [first] = this.expected;
    if (!first) return;
    const nowMs = this.options.timers.monotonicMs();
    this.callOff = this.options.timers.after(Math.max(waitMs, first.earliestMs - nowMs), () => this.look());
  }

  private look(): void {
    const askedMs = this.options.timers.monotonicMs();
    this.asking = true;
    this.options.ask((queued) => {
      this.asking = false;
      const isEmpty = queued === 0 || queued === "unsupported";
      const due = this.expected.filter(({ earliestMs, limitMs }) =>
        isEmpty ? earliestMs <= askedMs : limitMs <= askedMs,
      );
      this.expected = this.expected.filter((one) => !due.includes(one));
      for (const { left } of due) left(isEmpty ? "on-air" : "held");
      this.plan(LOOK_EVERY_MS);
    });
  }
}
