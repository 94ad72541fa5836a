/**
 * Time that code waits by, handed in: a device runs on {@link systemTimers}, a simulation on a virtual clock that is
 * faster than real time and repeatable. Code that is to run in a simulation is called back and awaits nothing.
 */
export interface Timers {
  /** Milliseconds since some start, never going back. */
  monotonicMs(): number;
  /** Calls `task` once, `delayMs` from now at the earliest. @returns a function that calls it off */
  after(delayMs: number, task: () => void): () => void;
}

export const systemTimers: Timers = {
  monotonicMs: () => performance.now(),
  after: (delayMs, task) => {
    const timer = setTimeout(task, delayMs);
    return () => clearTimeout(timer);
  },
};
