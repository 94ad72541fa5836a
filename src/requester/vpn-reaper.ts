import { join } from "node:path";
import type { Logger } from "../host/log.ts";
import { bunCommand } from "../host/own-program.ts";
import { systemTimers, type Timers } from "../host/timers.ts";
import { markOf, type ProcessMark } from "./vpn-record.ts";

export const REAPER_READY = "ready\n";
/** Said to it when there is nothing left to do for it. */
export const REAPER_DONE = "done\n";

const START_TIMEOUT_MS = 20_000;
const AGAIN_AFTER_MS = 1_000;

type ReaperChild = Bun.Subprocess<"pipe", "pipe", "ignore">;

/**
 * A process of its own that clears away when this one is killed: the kernel closes the pipe between the two, whatever has
 * ended us. When it is killed itself another one is started.
 */
export class VpnReaper {
  private child: ReaperChild | undefined;
  private wanted = false;
  private callOff = () => {};

  /** @param started told of each one, before what it would clear away is there */
  constructor(
    private readonly folder: string,
    private readonly id: string,
    private readonly started: (mark: ProcessMark) => void,
    private readonly log: Logger,
    private readonly timers: Timers = systemTimers,
  ) {}

  get pid(): number | undefined {
    return this.child?.pid;
  }

  /** Kept when it stands ready. @throws when it does not come up */
  async start(): Promise<void> {
    this.wanted = true;
    const child: ReaperChild = Bun.spawn(
      [...bunCommand(join(import.meta.dir, "vpn-reaper-process.ts")), this.folder, this.id],
      // A session of its own, so that what a terminal sends to all is not for it.
      { stdin: "pipe", stdout: "pipe", stderr: "ignore", detached: true },
    );
    this.child = child;
    void child.exited.then(() => this.ended(child));
    const callOff = this.timers.after(START_TIMEOUT_MS, () => child.kill("SIGKILL"));
    const { value } = await child.stdout.getReader().read();
    callOff();
    const mark = markOf(child.pid);
    if (value === undefined || mark === undefined)
      throw new Error(`reaper of ${this.id}: ended with ${child.signalCode ?? child.exitCode} as it started`);
    this.started(mark);
  }

  /** Only after everything has been put back. */
  async stop(): Promise<void> {
    this.wanted = false;
    this.callOff();
    const child = this.child;
    if (!child) return;
    child.stdin.write(REAPER_DONE);
    await child.stdin.end();
    const callOff = this.timers.after(START_TIMEOUT_MS, () => child.kill("SIGKILL"));
    await child.exited;
    callOff();
  }

  private ended(child: ReaperChild): void {
    if (this.child !== child) return;
    this.child = undefined;
    if (!this.wanted) return;
    this.log.warn(`the reaper of ${this.id} ended (${child.signalCode ?? child.exitCode}); starting another`);
    this.callOff = this.timers.after(AGAIN_AFTER_MS, () => {
      this.start().catch((error: unknown) => this.log.error({ error }, `no reaper for ${this.id}`));
    });
  }
}
