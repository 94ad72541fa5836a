import type { MessageStream } from "@libp2p/interface";

/**
 * Resolves once everything that was given to a stream has gone to what carries it, and that takes more. libp2p's own
 * `onDrain` waits the first time only (its promise is never renewed, @libp2p/utils 7.4.1), and a single "drain" means
 * room for a window, not for a frame: going by it alone, a fast sender fills the memory.
 * @throws when the stream ends before
 */
export async function roomToSend(stream: MessageStream): Promise<void> {
  while (stream.writeBufferLength > 0 || stream.writableNeedsDrain) {
    if (stream.status !== "open" && stream.status !== "closing")
      throw new Error(`the stream is ${stream.status}`);
    await nextChange(stream);
  }
}

function nextChange(stream: MessageStream): Promise<void> {
  return new Promise((resolve, reject) => {
    const go = (): void => {
      leave();
      resolve();
    };
    const fail = (event: Event & { error?: Error }): void => {
      leave();
      reject(event.error ?? new Error("the stream has ended"));
    };
    const leave = (): void => {
      stream.removeEventListener("drain", go);
      stream.removeEventListener("idle", go);
      stream.removeEventListener("close", fail);
    };
    stream.addEventListener("drain", go);
    stream.addEventListener("idle", go);
    stream.addEventListener("close", fail);
  });
}
