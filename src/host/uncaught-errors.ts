import type { Logger } from "./log.ts";
import type { Part } from "./part.ts";

/** So many in a minute are no single bug that one can live with: a new process is better. */
const MAX_A_MINUTE = 10;
const MINUTE_MS = 60_000;
/** How long the operator's page shows the last one. */
const SHOWN_MS = 3_600_000;
/** The journal's entries are bounded, and the first frames say where it was. */
const MAX_STACK = 4_000;
const MAX_LINE = 200;

export interface UncaughtErrorsOptions {
  log: Logger;
  /** Keeps one of them; what fails is logged. */
  note: (text: string, detail: { how: string; stack: string }) => Promise<void>;
  /** Ends the process with a status that tells the supervisor that it failed. Called once. */
  giveUp: () => void;
  monotonicMs: () => number;
}

/**
 * What was thrown where nobody caught it, and promises whose failure nobody awaits: each is logged and kept, and the box
 * goes on. Most come out of libraries whose work it is to meet strangers; if one such error ended the process, whoever
 * can send a packet could end the box, again and again, and its guests and other networks with it. More than
 * {@link MAX_A_MINUTE} in a minute end it all the same, and it is started anew.
 */
export class UncaughtErrors implements Part {
  readonly name = "unexpected errors";
  private count = 0;
  private last: { text: string; atMs: number } | undefined;
  /** When the last ones came, the oldest first. */
  private recentMs: number[] = [];
  private givenUp = false;
  private readonly thrown = (error: unknown) => this.take(error, "thrown where nothing catches it");
  private readonly rejected = (error: unknown) => this.take(error, "a failure that nothing waits for");

  constructor(private readonly options: UncaughtErrorsOptions) {}

  async start(): Promise<void> {
    process.on("uncaughtException", this.thrown);
    process.on("unhandledRejection", this.rejected);
  }

  async stop(): Promise<void> {
    process.off("uncaughtException", this.thrown);
    process.off("unhandledRejection", this.rejected);
  }

  detail(): string {
    return this.count === 0 ? "none" : `${this.count} since the start`;
  }

  trouble(): string | undefined {
    if (this.last === undefined || this.options.monotonicMs() - this.last.atMs > SHOWN_MS) return undefined;
    return this.last.text;
  }

  private take(reason: unknown, how: string): void {
    const { log, note, giveUp, monotonicMs } = this.options;
    // Anything can be thrown, texts and nothing at all too.
    const error = reason instanceof Error ? reason : new Error(`not an error: ${Bun.inspect(reason)}`);
    const nowMs = monotonicMs();
    this.count += 1;
    const text = firstLine(error);
    this.last = { text, atMs: nowMs };
    log.error({ error }, `unexpected error (${how})`);
    if (this.givenUp) return;
    note(text, { how, stack: (error.stack ?? "").slice(0, MAX_STACK) }).catch((failure) =>
      log.error({ error: failure }, "an unexpected error could not be kept"),
    );
    this.recentMs = [...this.recentMs.filter((atMs) => nowMs - atMs < MINUTE_MS), nowMs];
    if (this.recentMs.length <= MAX_A_MINUTE) return;
    this.givenUp = true;
    log.error(`more than ${MAX_A_MINUTE} unexpected errors in a minute: the box ends, to be started anew`);
    giveUp();
  }
}

const firstLine = (error: Error): string =>
  `${error.name}: ${error.message.split("\n", 1)[0] ?? ""}`.slice(0, MAX_LINE);
