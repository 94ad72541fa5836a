import type { Timers } from "../../host/timers.ts";

/** A timer that comes later than this was held up by this box itself, which did not read either what came meanwhile. */
const LATE_MS = 20;
/** Enough for the event loop to come round and read what waits in the sockets. */
const BREATH_MS = 20;

/**
 * Calls `task` when an answer has been waited for long enough. Where this box was busy when the time was over, an answer
 * may be there and not be read yet: then the task comes a breath later, so that no way is blamed for what this box did.
 * @returns calls it off
 */
export function afterWaiting(timers: Timers, waitMs: number, task: () => void): () => void {
  const dueMs = timers.monotonicMs() + waitMs;
  let callOff = timers.after(waitMs, () => {
    if (timers.monotonicMs() - dueMs > LATE_MS) callOff = timers.after(BREATH_MS, task);
    else task();
  });
  return () => callOff();
}
