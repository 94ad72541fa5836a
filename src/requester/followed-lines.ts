import type { Logger } from "../host/log.ts";
import { systemTimers, type Timers } from "../host/timers.ts";
import { LeaseAnswerError, MAX_ANSWER_BYTES } from "./lease-answers.ts";

/** The beat of events is 20 s. */
const SILENT_MS = 50_000;
const AGAIN_MS = 2_000;

export interface FollowOptions {
  /** Asks anew for a body of lines, which begins with how things stand. */
  open: (signal: AbortSignal) => Promise<ReadableStream<Uint8Array>>;
  /** Its throwing ends this body, and the next is asked for. */
  line: (text: string) => void;
  /** Before each body. */
  begins?: () => void;
  /** What is followed, for the log. */
  what: string;
  log: Logger;
  timers?: Timers;
}

/**
 * Follows lines until it is ended: a body that ends, fails or is silent for too long is asked for anew.
 * @returns a function that ends it
 */
export function followLines(options: FollowOptions): () => void {
  const { timers = systemTimers, log, what } = options;
  const over = new AbortController();
  const rounds = async () => {
    while (!over.signal.aborted) {
      try {
        await followOnce(options, over.signal, timers);
      } catch (error) {
        if (!over.signal.aborted) log.debug({ error }, what);
      }
      if (over.signal.aborted) return;
      await new Promise<void>((resolve) => {
        const callOff = timers.after(AGAIN_MS, resolve);
        over.signal.addEventListener("abort", () => {
          callOff();
          resolve();
        });
      });
    }
  };
  void rounds();
  return () => over.abort();
}

async function followOnce(
  { open, line, begins }: FollowOptions,
  over: AbortSignal,
  timers: Timers,
): Promise<void> {
  const silent = new AbortController();
  let callOff = () => {};
  const wait = () => {
    callOff();
    callOff = timers.after(SILENT_MS, () => silent.abort(new LeaseAnswerError("nothing is heard")));
  };
  wait();
  try {
    const body = await open(AbortSignal.any([over, silent.signal]));
    begins?.();
    const decoder = new TextDecoder();
    let rest = "";
    for await (const chunk of body) {
      wait();
      const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
      rest = lines.pop() ?? "";
      if (rest.length > MAX_ANSWER_BYTES) throw new LeaseAnswerError("a line is too long");
      for (const text of lines) if (!over.aborted) line(text);
    }
  } finally {
    callOff();
  }
}

/** A whole body, of which no more is read than may be. @throws {LeaseAnswerError} when it is longer */
export async function boundedBody(response: Response): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of response.body ?? []) {
    length += part.length;
    if (length > MAX_ANSWER_BYTES) throw new LeaseAnswerError("the answer is too long");
    parts.push(part);
  }
  return Uint8Array.from(Buffer.concat(parts));
}
