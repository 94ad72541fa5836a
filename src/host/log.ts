import pino, { type DestinationStream, type Logger } from "pino";

export type { Logger } from "pino";

/** Longer texts in a log line are cut. */
const MAX_TEXT = 2_000;
/** Longer lines are replaced by their beginning: what cannot be cut in its parts is cut as a whole. */
const MAX_LINE = 16_384;
/** Log lines a second at most; what is over is counted and said in one line. */
const MAX_LINES_PER_SECOND = 200;

export interface LogOptions {
  level: "error" | "warn" | "info" | "debug";
  /** Lines for a person at a terminal instead of JSON. */
  human?: boolean;
  destination?: { write(line: string): void };
  nowMs?: () => number;
}

/** The box's log: JSON lines on standard output, bounded in depth, in length and in lines per second. */
export function createLog(options: LogOptions): Logger {
  const out = options.destination ?? { write: (line: string) => void process.stdout.write(line) };
  const shaped = options.human ? { write: (line: string) => out.write(humanLine(line)) } : out;
  return pino(
    {
      level: options.level,
      base: null,
      depthLimit: 4,
      edgeLimit: 40,
      serializers: { error: pino.stdSerializers.err },
      hooks: {
        logMethod(args, method) {
          method.apply(this, args.map(cut) as typeof args);
        },
      },
    },
    rateLimited(shaped, options.nowMs ?? Date.now),
  );
}

function cut(value: unknown): unknown {
  if (typeof value === "string") return value.length > MAX_TEXT ? `${value.slice(0, MAX_TEXT)}…` : value;
  if (value instanceof Error || typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [key, typeof inner === "string" ? cut(inner) : inner]),
  );
}

function rateLimited(out: { write(line: string): void }, nowMs: () => number): DestinationStream {
  let windowStart = nowMs();
  let lines = 0;
  let dropped = 0;
  return {
    write(line: string) {
      const now = nowMs();
      if (now - windowStart >= 1_000 || now < windowStart) {
        windowStart = now;
        lines = 0;
        if (dropped > 0) {
          out.write(
            `${JSON.stringify({ level: 40, time: now, msg: `${dropped} log lines were dropped` })}\n`,
          );
          dropped = 0;
        }
      }
      if (lines < MAX_LINES_PER_SECOND) {
        lines += 1;
        out.write(line.length > MAX_LINE ? shortened(line) : line);
      } else {
        dropped += 1;
      }
    },
  };
}

/** A line without the fields that make it too long. */
function shortened(line: string): string {
  const { level, time, msg, part } = JSON.parse(line) as Record<string, unknown>;
  return `${JSON.stringify({ level, time, part, msg: cut(msg), cut: line.length })}\n`;
}

function humanLine(json: string): string {
  const { level, time, msg, part, error } = JSON.parse(json) as {
    level: number;
    time: number;
    msg?: string;
    part?: string;
    error?: { message?: string };
  };
  const mark = level >= 50 ? "✗" : level >= 40 ? "!" : "·";
  const clock = new Date(time).toTimeString().slice(0, 8);
  const cause = error?.message ? `: ${error.message.split("\n")[0]}` : "";
  // What strangers put into a text is not to steer the terminal.
  const words = `${part ? `${part}: ` : ""}${msg ?? ""}${cause}`.replace(/\p{Cc}+/gu, " ");
  return `  ${clock} ${mark} ${words}\n`;
}
