import {
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { isProcess, isSameCommand, processesBy } from "../../host/process-table.ts";

const ENDS_WITHIN_MS = 1_000;
const LOOK_EVERY_MS = 20;
/** What a program says is kept in memory-backed files: no more of it than this. */
const MAX_LOG_BYTES = 256 * 1024;

export interface LastingProgramOptions {
  name: string;
  command: readonly string[];
  /** What it reads. It may hold a password. */
  file: { path: string; text: string };
  runFolder: string;
  /** It has ended, and nobody had asked it to. Not told of one that was taken up. */
  ended: () => void;
}

/**
 * A program that goes on when the daemon is killed, and is taken up by the next one: stations stay on the air meanwhile.
 * What it says goes into a file, as a pipe would end with the daemon. `omerta-box.service` ends none of them with the daemon
 * (KillMode=process), so that systemd units of their own would add nothing.
 *
 * Its file is written only while it does not run: one that runs has read what stands there.
 */
export class LastingProgram {
  private pid: number | undefined;
  private child: Bun.Subprocess | undefined;
  /** How it ended, where this daemon had started it. */
  private exit: string | undefined;

  constructor(private readonly options: LastingProgramOptions) {}

  /** Takes up the one that runs, if it runs with the same file, or starts it. @throws Error when it cannot be started */
  async start(): Promise<"taken up" | "started"> {
    const { command, file, ended } = this.options;
    const running = processesBy((argv) => isSameCommand(argv, command))[0]?.pid;
    if (running !== undefined && readOr(file.path) === file.text) {
      this.pid = running;
      return "taken up";
    }
    if (running !== undefined) await endProcess(running, () => isProcess(running, command));
    mkdirSync(dirname(file.path), { recursive: true });
    writeFileSync(`${file.path}.new`, file.text, { mode: 0o600 });
    renameSync(`${file.path}.new`, file.path);
    const log = openSync(this.logFile, "w", 0o600);
    closeSync(log);
    const append = openSync(this.logFile, "a");
    try {
      // In a session of its own: what is sent to the daemon's process group is not meant for it.
      const child = Bun.spawn([...command], {
        stdin: "ignore",
        stdout: append,
        stderr: append,
        detached: true,
      });
      this.child = child;
      this.pid = child.pid;
      this.exit = undefined;
      void child.exited.then((code) => {
        if (this.child !== child) return;
        this.child = undefined;
        this.exit = String(child.signalCode ?? `status ${code}`);
        ended();
      });
    } finally {
      closeSync(append);
    }
    return "started";
  }

  /** @param atOnce without asking it first: for one that hears nothing any more */
  async stop(atOnce = false): Promise<void> {
    const { pid, child } = this;
    this.child = undefined;
    this.pid = undefined;
    if (pid === undefined) return;
    const isThere = child ? () => isAlive(child) : () => isProcess(pid, this.options.command);
    await endProcess(pid, isThere, atOnce ? ["SIGKILL"] : undefined);
  }

  get isRunning(): boolean {
    const { pid, child } = this;
    if (child) return isAlive(child);
    return pid !== undefined && isProcess(pid, this.options.command);
  }

  /** How it has ended, with the last line that it said where it gave up by itself. */
  get ending(): string {
    const words = this.exit?.startsWith("status") ? readOr(this.logFile).trimEnd().split("\n").at(-1) : "";
    return ["has ended", this.exit && ` (${this.exit})`, words && `: ${words.slice(0, 300)}`]
      .filter(Boolean)
      .join("");
  }

  /** Keeps what it says within bounds. It appends, so that a file cut short is no trouble to it. */
  trimLog(): void {
    try {
      if (statSync(this.logFile).size > MAX_LOG_BYTES) truncateSync(this.logFile);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    }
  }

  private get logFile(): string {
    return join(this.options.runFolder, `${this.options.name}.log`);
  }
}

/** Ends programs that an earlier daemon left and whose files, `hostapd-….conf` and `wpa-….conf`, are not wanted any more. */
export async function endUnwanted(runFolder: string, wanted: ReadonlySet<string>): Promise<void> {
  const files = namesIn(runFolder).filter((name) => /^(?:hostapd|wpa)-[a-z]+\d{1,2}\.conf$/.test(name));
  for (const path of files.map((name) => join(runFolder, name)).filter((one) => !wanted.has(one))) {
    for (const { pid, argv } of processesBy((words) => words.at(-1) === path))
      await endProcess(pid, () => isProcess(pid, argv));
    rmSync(path, { force: true });
  }
}

/** Of a child its words tell nothing at first: it has none until all that it is made of has been read from the card (execve(2)). */
const isAlive = ({ exitCode, signalCode }: Bun.Subprocess): boolean =>
  exitCode === null && signalCode === null;

async function endProcess(
  pid: number,
  isThere: () => boolean,
  signals: readonly NodeJS.Signals[] = ["SIGTERM", "SIGKILL"],
): Promise<void> {
  for (const signal of signals) {
    if (!isThere()) return;
    try {
      process.kill(pid, signal);
    } catch {
      return; // Gone meanwhile.
    }
    for (let waited = 0; waited < ENDS_WITHIN_MS && isThere(); waited += LOOK_EVERY_MS)
      await Bun.sleep(LOOK_EVERY_MS);
  }
}

function readOr(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
