import type { Timers } from "../../host/timers.ts";

/** Somebody who has things to send. */
export interface Sender {
  /** Sends one. @returns whether there is more to send now */
  sendOne(): boolean;
}

/** Datagrams that go at once at most; the rest goes after a breath, so that what comes in is read meanwhile. */
const BURST = 128;
const BREATH_MS = 2;

/** Lets senders send one after the other, one thing each: one with a thousand things to send does not hold up the others. */
export class Turns {
  private readonly waiting = new Set<Sender>();
  private isRunning = false;
  private callOff: (() => void) | undefined;

  constructor(private readonly timers: Timers) {}

  ask(sender: Sender): void {
    this.waiting.add(sender);
    if (!this.isRunning && !this.callOff) this.run();
  }

  leave(sender: Sender): void {
    this.waiting.delete(sender);
  }

  stop(): void {
    this.waiting.clear();
    this.callOff?.();
    this.callOff = undefined;
  }

  private run(): void {
    this.isRunning = true;
    let left = BURST;
    try {
      // A set gives what was added last, last: who sends goes to the end.
      for (const sender of this.waiting) {
        if (left-- === 0) break;
        this.waiting.delete(sender);
        if (sender.sendOne()) this.waiting.add(sender);
      }
    } finally {
      this.isRunning = false;
    }
    if (this.waiting.size === 0) return;
    this.callOff = this.timers.after(BREATH_MS, () => {
      this.callOff = undefined;
      this.run();
    });
  }
}
