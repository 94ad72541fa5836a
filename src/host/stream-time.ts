import type { Timers } from "./timers.ts";

/** How long a conversation over a stream may take, and what its other end is told otherwise. */
export interface StreamTime {
  ms: number;
  /** It took longer. */
  late: string;
  /** It went wrong, whatever the error. */
  failed: string;
}

/** Holds a conversation, and breaks its stream off when that takes too long or goes wrong. @throws what the conversation throws */
export async function withinTime(
  stream: { abort(error: Error): void },
  timers: Pick<Timers, "after">,
  { ms, late, failed }: StreamTime,
  conversation: () => Promise<void>,
): Promise<void> {
  const callOff = timers.after(ms, () => stream.abort(new Error(late)));
  try {
    await conversation();
  } catch (error) {
    stream.abort(new Error(failed, { cause: error }));
    throw error;
  } finally {
    callOff();
  }
}
