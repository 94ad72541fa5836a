import type { Logger } from "../../host/log.ts";
import type { Part } from "../../host/part.ts";
import { killProcess } from "../../host/process-table.ts";
import type { Timers } from "../../host/timers.ts";
import type { Journal } from "../../store/index.ts";
import { type Belonging, belongingKey, belongingText } from "./belongings.ts";
import { SWEEP_TIMES, systemMachine } from "./reap-machine.ts";
import { addToReport, readReport, removeReport } from "./reap-report.ts";
import { READY } from "./reaper.ts";
import { type ReaperOrder, reaperArguments, reapersOf } from "./reaper-order.ts";
import { reap } from "./reaping.ts";

export interface ReaperKeeperOptions {
  order: ReaperOrder;
  /** Runs `omerta-box`; the reaper's own words are added. */
  command: readonly string[];
  /** Ids of the leases that this daemon looks after: none at its start, unless it takes some up. */
  live: () => readonly string[];
  timers: Timers;
  journal: Pick<Journal, "append">;
  log: Logger;
}

const FIRST_WAIT_MS = 100;
const LONGEST_WAIT_MS = 10_000;
/** A reaper that ran this long is healthy again: the next wait is the shortest. */
const HEALTHY_AFTER_MS = 30_000;
const READY_WITHIN_MS = 20_000;
/** How long one that ends itself, or was killed, may take. */
const END_WITHIN_MS = 5_000;
/** Of each lease, so many of the things that were ended go into the journal. */
const MAX_NAMED = 100;

type ReaperProcess = Bun.Subprocess<"pipe", "pipe", "inherit">;

/**
 * The daemon's side: holds the pipe of a reaper, and starts it anew when it ends. Before any lease is made it must have started,
 * for then an earlier reaper is gone, and whatever earlier daemons and reapers left.
 */
export class ReaperKeeper implements Part {
  readonly name = "vm-reaper";
  private child: ReaperProcess | undefined;
  private isReady = false;
  private isWanted = false;
  private cancelStart: (() => void) | undefined;
  private waitMs = FIRST_WAIT_MS;
  private ended: string | undefined;

  constructor(private readonly options: ReaperKeeperOptions) {}

  /** Whether a death of this daemon would be noticed. While it would not, no new lease should be made. */
  get isWatching(): boolean {
    return this.isReady;
  }

  get pid(): number | undefined {
    return this.child?.pid;
  }

  /** Resolves when a reaper watches and nothing of earlier leases is left. @throws Error where that cannot be had */
  async start(): Promise<void> {
    const { order } = this.options;
    this.isWanted = true;
    await endReapers(order.runFolder);
    if (!(await this.launch()))
      throw new Error(`the reaper does not start: ${this.ended ?? "it says nothing"}`);
    const left = await this.sweep();
    if (left.length > 0)
      throw new Error(`of earlier leases there is still ${left.map(belongingText).join(", ")}`);
  }

  /** Ends what belongs to leases that are not live, and journals it, with what a reaper has reported. @returns what could not be ended */
  async sweep(): Promise<Belonging[]> {
    const { order, live, journal, log } = this.options;
    const own = [process.pid, ...(this.child ? [this.child.pid] : [])];
    const machine = systemMachine(order.grounds, order.libvirtUri, own);
    const report = (some: readonly Belonging[]) => addToReport(order.runFolder, some, log);
    const { ended, left } = await reap(machine, live, SWEEP_TIMES, report);
    const byKey = (some: readonly Belonging[]) => new Map(some.map((one) => [belongingKey(one), one]));
    const isLeft = byKey(left);
    const all = [...byKey([...readReport(order.runFolder), ...ended])].flatMap(([key, one]) =>
      isLeft.has(key) ? [] : [one],
    );
    for (const [lease, some] of Map.groupBy(all, (one) => one.lease)) {
      const texts = some.map(belongingText);
      await journal.append("vm", "reaped", lease, { ended: texts.slice(0, MAX_NAMED), count: texts.length });
    }
    removeReport(order.runFolder);
    return left;
  }

  /**
   * Ends what is left and the reaper with it. Where something stays, or leases are to be taken up by a next daemon, the pipe is
   * ended instead, as this daemon's death would end it.
   */
  async stop(): Promise<void> {
    const { live, log } = this.options;
    const { child } = this;
    this.isWanted = false;
    this.isReady = false;
    this.cancelStart?.();
    const left = await this.sweep();
    this.child = undefined;
    for (const one of left) log.error(`${belongingText(one)} of a lease could not be ended`);
    if (!child) return;
    if (left.length > 0 || live().length > 0) return void child.stdin.end();
    child.kill("SIGKILL");
    await child.exited;
  }

  trouble(): string | undefined {
    return this.isReady || !this.isWanted ? undefined : `the reaper ${this.ended ?? "has not started yet"}`;
  }

  detail(): string {
    return this.isReady ? `process ${this.child?.pid} ends what is left when this daemon dies` : "none";
  }

  /** @returns whether it watches */
  private async launch(): Promise<boolean> {
    const { order, command, timers, log } = this.options;
    const startedMs = timers.monotonicMs();
    let child: ReaperProcess;
    try {
      child = Bun.spawn([...command, ...reaperArguments(order)], {
        stdin: "pipe",
        stdout: "pipe",
        stderr: "inherit",
        // A session of its own: what is sent to the daemon's does not reach it.
        detached: true,
      });
    } catch (error) {
      this.failed(`cannot be started: ${error instanceof Error ? error.message : error}`, startedMs);
      return false;
    }
    this.child = child;
    void child.exited.then((code) => {
      if (this.child !== child) return;
      this.child = undefined;
      this.isReady = false;
      this.failed(`ended (${child.signalCode ?? `status ${code}`})`, startedMs);
    });
    const cancel = timers.after(READY_WITHIN_MS, () => child.kill("SIGKILL"));
    this.isReady = await isSaid(child.stdout, READY, (line) => log.debug({ from: this.name }, line));
    cancel();
    return this.isReady;
  }

  private failed(how: string, startedMs: number): void {
    const { timers, log } = this.options;
    this.ended = how;
    if (!this.isWanted) return;
    if (timers.monotonicMs() - startedMs > HEALTHY_AFTER_MS) this.waitMs = FIRST_WAIT_MS;
    log.warn(`the reaper ${how}; starting it again in ${this.waitMs} ms`);
    this.cancelStart = timers.after(this.waitMs, () => void this.launch());
    this.waitMs = Math.min(this.waitMs * 2, LONGEST_WAIT_MS);
  }
}

/** Kills the reapers of a run folder, as what they would end is ended by whoever comes now. @throws Error when one stays */
async function endReapers(runFolder: string): Promise<void> {
  const untilMs = performance.now() + END_WITHIN_MS;
  for (;;) {
    const old = reapersOf(runFolder);
    if (old.length === 0) return;
    if (performance.now() > untilMs) throw new Error(`an earlier reaper (${old[0]?.pid}) does not end`);
    for (const one of old) killProcess(one);
    await Bun.sleep(10);
  }
}

/** Resolves when a line comes, or with false at the end of the stream, which is read on after it. */
function isSaid(
  stream: ReadableStream<Uint8Array>,
  word: string,
  other: (line: string) => void,
): Promise<boolean> {
  const said = Promise.withResolvers<boolean>();
  void (async () => {
    const decoder = new TextDecoder();
    let rest = "";
    for await (const chunk of stream) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
      rest = (lines.pop() ?? "").slice(0, 2_000);
      for (const one of lines) {
        if (one === word) said.resolve(true);
        else if (one !== "") other(one);
      }
    }
  })()
    .catch(() => undefined)
    .finally(() => said.resolve(false));
  return said.promise;
}
