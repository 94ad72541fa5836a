import { createLog, type Logger } from "../../src/host/log.ts";

/** One line of the box's log. */
export interface LogLine {
  level: number;
  msg: string;
  [key: string]: unknown;
}

/** A log that a test reads instead of a person. */
export interface CapturedLog {
  log: Logger;
  lines: LogLine[];
  /** Waits until `count` lines match. */
  until(pattern: RegExp, count?: number): Promise<LogLine[]>;
}

export function capturedLog(): CapturedLog {
  const lines: LogLine[] = [];
  const waiting = new Set<() => void>();
  const log = createLog({
    level: "debug",
    destination: {
      write(line) {
        lines.push(JSON.parse(line));
        for (const look of waiting) look();
      },
    },
  });
  return {
    log,
    lines,
    until: (pattern, count = 1) =>
      new Promise((resolve) => {
        const look = () => {
          const found = lines.filter(({ msg }) => pattern.test(msg));
          if (found.length < count) return;
          waiting.delete(look);
          resolve(found);
        };
        waiting.add(look);
        look();
      }),
  };
}
