import type { Timers } from "../../host/timers.ts";

/** A wait is cut into pieces of this length; what is shorter is not. */
const PIECE_MS = 500;
/** A piece that ends later than this was held up by this box itself. */
const LATE_MS = 50;
/** What takes longer waits for no answer, and is not cut. */
const LONGEST_MS = 60_000;
/** However busy this box is, a wait takes this many times as long at most. */
const LONGEST_TIMES = 4;

/**
 * Timers for what others are given time for: time in which this box did not come round to reading what they have sent does
 * not count. A box that starts in the middle of a busy network, on a small machine, would otherwise give up handshakes that
 * both sides have nearly done, begin them anew, and be all the busier. The task never comes before its time.
 */
export function patientTimers(timers: Timers): Timers {
  return {
    monotonicMs: () => timers.monotonicMs(),
    after(delayMs, task) {
      if (delayMs <= PIECE_MS || delayMs > LONGEST_MS) return timers.after(delayMs, task);
      const longestMs = timers.monotonicMs() + delayMs * LONGEST_TIMES;
      let leftMs = delayMs;
      let callOff = (): void => {};
      const wait = (): void => {
        const pieceMs = Math.min(PIECE_MS, leftMs);
        const dueMs = timers.monotonicMs() + pieceMs;
        callOff = timers.after(pieceMs, () => {
          const nowMs = timers.monotonicMs();
          leftMs -= pieceMs;
          if (nowMs >= longestMs) task();
          else if (leftMs > 0) wait();
          // What has come in meanwhile is read first.
          else if (nowMs - dueMs > LATE_MS) callOff = timers.after(LATE_MS, task);
          else task();
        });
      };
      wait();
      return () => callOff();
    },
  };
}

/** A signal that gives up after a time. @returns it, and a function that calls that off */
export function abortAfter(
  timers: Timers,
  delayMs: number,
  why: string,
): { signal: AbortSignal; callOff: () => void } {
  const controller = new AbortController();
  const callOff = timers.after(delayMs, () => controller.abort(new Error(why)));
  return { signal: controller.signal, callOff };
}
