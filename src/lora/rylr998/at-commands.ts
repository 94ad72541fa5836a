import type { AtCommand } from "./at-queue.ts";

const ANSWER_MS = 1_000;

export const asks = (name: string): AtCommand => ({
  text: `AT+${name}?`,
  isAnswer: (line) => line.startsWith(`+${name}=`),
  timeoutMs: ANSWER_MS,
});

export const sets = (text: string, timeoutMs = ANSWER_MS): AtCommand => ({
  text,
  isAnswer: (line) => line === "+OK",
  timeoutMs,
});

/** No other question has this answer. */
export const ASK_VERSION = asks("VER");

/** What stands behind the `=`. */
export const valueIn = (line: string): string => line.slice(line.indexOf("=") + 1);
