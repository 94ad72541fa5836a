import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { type RunResult, run, tryRun } from "../../../src/host/run.ts";

const SCRIPT = resolve(import.meta.dir, "../../../rootfs-overlay/usr/lib/omerta-box/data-partition");
const SYSTEM_PATH = `${process.env.PATH ?? ""}:/usr/sbin:/sbin`;

/** The script of the data partition at work on files, with a run folder of its own. */
export class DataScript {
  readonly runFolder: string;

  constructor(
    readonly folder: string,
    /** Programs that go before the system's. */
    private readonly programs = "",
  ) {
    this.runFolder = join(folder, "run");
    mkdirSync(this.runFolder, { recursive: true });
  }

  get env(): Record<string, string> {
    return {
      PATH: this.programs === "" ? SYSTEM_PATH : `${this.programs}:${SYSTEM_PATH}`,
      OMERTA_BOOT_RUN: this.runFolder,
    };
  }

  run(...args: string[]): Promise<RunResult> {
    return tryRun([SCRIPT, ...args], { env: this.env, timeoutMs: 60_000 });
  }

  /** Starts it in a group of its own, so that all of it can be killed. */
  begin(...args: string[]) {
    return Bun.spawn(["setsid", SCRIPT, ...args], {
      env: this.env,
      stdin: "ignore",
      stdout: "ignore",
      stderr: "ignore",
    });
  }

  /** What people are told, all of it. */
  notes(): string {
    const folder = join(this.runFolder, "notes");
    if (!existsSync(folder)) return "";
    return readdirSync(folder)
      .map((name) => readFileSync(join(folder, name), "utf8"))
      .join("");
  }
}

export const system = (command: readonly string[], input?: string): Promise<string> =>
  run(command, { env: { PATH: SYSTEM_PATH }, ...(input === undefined ? {} : { input }), timeoutMs: 60_000 });

export const trySystem = (command: readonly string[]): Promise<RunResult> =>
  tryRun(command, { env: { PATH: SYSTEM_PATH }, timeoutMs: 60_000 });
