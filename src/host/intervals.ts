import { systemTimers, type Timers } from "./timers.ts";

/**
 * Does something now and again, the next time `everyMs` after the last one ended, never twice at once.
 * @param failed told of what was thrown; the rounds go on
 * @returns a function that ends it, and waits for a round that is under way
 */
export function atIntervals(
  everyMs: number,
  action: () => Promise<void> | void,
  failed: (error: unknown) => void,
  timers: Timers = systemTimers,
): () => Promise<void> {
  let ended = false;
  let running = Promise.resolve();
  const round = async () => {
    try {
      await action();
    } catch (error) {
      failed(error);
    }
    if (!ended) callOff = timers.after(everyMs, start);
  };
  const start = () => {
    running = round();
  };
  let callOff = timers.after(everyMs, start);
  return async () => {
    ended = true;
    callOff();
    await running;
  };
}

/**
 * An action that never runs twice at once: asked for while it runs, it runs once more after that, however often it
 * was asked for.
 * @returns kept when a run that began after the call is over
 */
export function onceAtATime(action: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | undefined;
  let next: Promise<void> | undefined;
  const start = () => {
    running = action().finally(() => {
      running = undefined;
    });
    return running;
  };
  return () => {
    if (!running) return start();
    next ??= running
      .catch(() => undefined)
      .then(() => {
        next = undefined;
        return start();
      });
    return next;
  };
}
