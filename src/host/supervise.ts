import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Logger } from "./log.ts";
import { commandLineOf, isSameCommand } from "./process-table.ts";

export interface SuperviseOptions {
  name: string;
  command: readonly string[];
  /** Where the process id is kept, so that a later daemon finds what a killed one left. */
  runFolder: string;
  log: Logger;
  env?: Record<string, string>;
  /** Given to it on its standard input, anew at each start. */
  input?: () => string;
  /** Takes each line of its standard output instead of the log. */
  onLine?: (line: string) => void;
}

const FIRST_WAIT_MS = 200;
const LONGEST_WAIT_MS = 10_000;
/** A process that ran this long is healthy again: the next wait is the shortest. */
const HEALTHY_AFTER_MS = 30_000;
/** After this long it is believed to have started. */
const STEADY_AFTER_MS = 5_000;

/** One program that the daemon keeps running: started again, with growing waits, whenever it ends. */
export class Supervised {
  private child: Bun.Subprocess | undefined;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private waitMs = FIRST_WAIT_MS;
  private wanted = false;
  private startedMs = 0;
  /** How it ended the last time, with its last words. */
  private ended: string | undefined;
  private lastError = "";

  constructor(private readonly options: SuperviseOptions) {}

  /** Why it does not run as it should; undefined once it has run for some seconds. */
  get trouble(): string | undefined {
    const isSteady = this.child !== undefined && performance.now() - this.startedMs > STEADY_AFTER_MS;
    return this.ended === undefined || isSteady ? undefined : `${this.options.name} ${this.ended}`;
  }

  get pid(): number | undefined {
    return this.child?.pid;
  }

  /** Starts it, after ending what a killed daemon may have left of it. */
  async start(): Promise<void> {
    this.wanted = true;
    await endLeftover(this.pidFile, this.options.command);
    // Stopped meanwhile.
    if (this.wanted) this.launch();
  }

  async stop(): Promise<void> {
    this.wanted = false;
    clearTimeout(this.timer);
    const child = this.child;
    if (child) {
      child.kill("SIGTERM");
      const timer = setTimeout(() => child.kill("SIGKILL"), 2_000);
      await child.exited;
      clearTimeout(timer);
    }
    rmSync(this.pidFile, { force: true });
  }

  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }

  private get pidFile(): string {
    return join(this.options.runFolder, `${this.options.name}.pid`);
  }

  private launch(): void {
    const { name, command, log, env } = this.options;
    const startedMs = performance.now();
    let child: Bun.Subprocess<"ignore" | Uint8Array, "pipe", "pipe">;
    try {
      child = Bun.spawn([...command], {
        stdin: this.options.input === undefined ? "ignore" : new TextEncoder().encode(this.options.input()),
        stdout: "pipe",
        stderr: "pipe",
        ...(env ? { env: { ...process.env, ...env } } : {}),
      });
    } catch (error) {
      log.error({ error }, `${name} cannot be started`);
      this.ended = `cannot be started: ${error instanceof Error ? error.message : String(error)}`;
      this.again(startedMs);
      return;
    }
    this.child = child;
    mkdirSync(this.options.runFolder, { recursive: true });
    writeFileSync(this.pidFile, String(child.pid));
    void pipeLines(child.stdout, this.options.onLine ?? ((line) => log.debug({ from: name }, line)));
    this.startedMs = startedMs;
    this.lastError = "";
    void pipeLines(child.stderr, (line) => {
      this.lastError = line;
      log.debug({ from: name }, line);
    });
    void child.exited.then((code) => {
      if (this.child === child) this.child = undefined;
      if (!this.wanted) return;
      const exit = String(child.signalCode ?? `status ${code}`);
      this.ended = `ended (${exit})${this.lastError === "" ? "" : `: ${this.lastError}`}`;
      log.warn(`${name} ${this.ended}; starting it again in ${this.waitMs} ms`);
      this.again(startedMs);
    });
  }

  private again(startedMs: number): void {
    if (performance.now() - startedMs > HEALTHY_AFTER_MS) this.waitMs = FIRST_WAIT_MS;
    this.timer = setTimeout(() => this.launch(), this.waitMs);
    this.waitMs = Math.min(this.waitMs * 2, LONGEST_WAIT_MS);
  }
}

const MAX_LINE = 2_000;

async function pipeLines(stream: ReadableStream<Uint8Array>, take: (line: string) => void): Promise<void> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of stream) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = (lines.pop() ?? "").slice(0, MAX_LINE);
    for (const line of lines) if (line !== "") take(line);
  }
}

/** Ends a process whose id stands in a file, if it still is what we started. */
async function endLeftover(pidFile: string, command: readonly string[]): Promise<void> {
  const pid = Number(readOr(pidFile, ""));
  if (!Number.isInteger(pid) || pid <= 1) return;
  const isOurs = () => {
    const running = commandLineOf(pid);
    // A wrapper such as setpriv replaces itself by what it runs: compare the ends.
    return running.length > 0 && isSameCommand(command.slice(-running.length), running);
  };
  for (const signal of ["SIGTERM", "SIGKILL"] as const) {
    if (!isOurs()) break;
    try {
      process.kill(pid, signal);
    } catch {
      break; // Gone meanwhile.
    }
    for (let waited = 0; waited < 1_500 && isOurs(); waited += 20) await Bun.sleep(20);
  }
  rmSync(pidFile, { force: true });
}

function readOr(path: string, otherwise: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return otherwise;
  }
}
