import type { Timers } from "../host/timers.ts";

/** Lets bytes through at a rate, in the order of asking. */
export class Pace {
  private freeMs = 0;
  private readonly waiting = new Set<{ callOff: () => void; fail: (error: Error) => void }>();

  constructor(
    kbit: number,
    private readonly timers: Timers,
  ) {
    this.bytesPerMs = kbit / 8;
  }

  private readonly bytesPerMs: number;

  /** Resolves when so many bytes may go. @throws when it was {@link stop}ped meanwhile */
  async room(bytes: number): Promise<void> {
    const nowMs = this.timers.monotonicMs();
    // What was not used is not saved up: nothing goes faster after a pause.
    const goesMs = Math.max(this.freeMs, nowMs);
    this.freeMs = goesMs + bytes / this.bytesPerMs;
    if (goesMs <= nowMs) return;
    await new Promise<void>((resolve, reject) => {
      const entry = {
        callOff: this.timers.after(goesMs - nowMs, () => {
          this.waiting.delete(entry);
          resolve();
        }),
        fail: reject,
      };
      this.waiting.add(entry);
    });
  }

  stop(): void {
    for (const { callOff, fail } of this.waiting) {
      callOff();
      fail(new Error("stopped"));
    }
    this.waiting.clear();
    this.freeMs = 0;
  }
}
