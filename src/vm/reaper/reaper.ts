import { writeFileSync } from "node:fs";
import { setPriority } from "node:os";
import type { Logger } from "../../host/log.ts";
import { belongingText } from "./belongings.ts";
import { REAPER_TIMES, systemMachine } from "./reap-machine.ts";
import { addToReport } from "./reap-report.ts";
import type { ReaperOrder } from "./reaper-order.ts";
import { type ReapTimes, reap } from "./reaping.ts";

/** What it says on standard output when it would notice that its daemon dies. */
export const READY = "ready";

/** How often it looks whether its parent is still the one that started it. */
const PARENT_LOOK_MS = 500;
/** The end of leases does not wait for a busy machine. */
const PRIORITY = -10;
/** proc(5): the kernel's out-of-memory killer takes nearly anything else first. */
const OOM_SCORE = "-900";

/**
 * The life of a reaper: it waits until its daemon is gone, then ends all that leases have on this machine. It is a process of
 * its own because a daemon that is killed can end nothing. It knows by the pipe on its standard input, whose other end the
 * daemon alone holds, and should a child of the daemon have inherited that, by its parent's number.
 * Resolves when nothing is left, or nothing more can be done. A next daemon that does not want to wait kills it, and sweeps.
 */
export async function runReaper(
  { runFolder, grounds, libvirtUri, graceMs }: ReaperOrder,
  log: Logger,
  times: ReapTimes = REAPER_TIMES,
): Promise<void> {
  // Who stops the daemon with all of its processes, as systemd does, is to find this one the last that goes.
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.on(signal, () => undefined);
  // Whoever read what it says may be as dead as the daemon.
  for (const stream of [process.stdout, process.stderr]) stream.on("error", () => undefined);
  const parent = process.ppid;
  try {
    setPriority(PRIORITY);
    writeFileSync("/proc/self/oom_score_adj", OOM_SCORE);
  } catch (error) {
    log.warn({ error }, "the kernel cannot be told that the reaper goes first");
  }
  const gone = daemonGone(parent);
  process.stdout.write(`${READY}\n`);
  await gone;
  await Bun.sleep(graceMs);
  const machine = systemMachine(grounds, libvirtUri, [process.pid]);
  const { ended, left, tookMs } = await reap(
    machine,
    () => [],
    times,
    (some) => addToReport(runFolder, some, log),
  );
  if (ended.length > 0) log.info(`${ended.length} things of leases ended in ${Math.round(tookMs)} ms`);
  for (const one of left) log.error(`${belongingText(one)} of a lease could not be ended`);
}

async function daemonGone(parent: number): Promise<void> {
  const noticed = Promise.withResolvers<void>();
  const timer = setInterval(() => {
    if (process.ppid !== parent) noticed.resolve();
  }, PARENT_LOOK_MS);
  const drained = (async () => {
    for await (const _ of Bun.stdin.stream()) {
      // Nothing is said on it: it is there to end.
    }
  })().catch(() => undefined);
  await Promise.race([drained, noticed.promise]);
  clearInterval(timer);
}
