/** What all cores together have done since the start, in ticks of 10 ms (proc_stat(5), USER_HZ is 100 on Linux). */
export interface ProcessorTime {
  busyTicks: number;
  /** Nothing to do, or waiting for a medium alone. */
  idleTicks: number;
}

/** /proc/stat without its first line. */
export class ProcessorTimeError extends Error {
  override readonly name = "ProcessorTimeError";
}

export const TICK_MS = 10;

/** @throws {ProcessorTimeError} */
export function parseProcessorTime(text: string): ProcessorTime {
  const [, fields] = /^cpu +((?:\d{1,15} ?){4,10})(?:\n|$)/.exec(text.slice(0, 512)) ?? [];
  if (fields === undefined) throw new ProcessorTimeError("stat.cpu: it is missing");
  const [user = 0, nice = 0, system = 0, idle = 0, iowait = 0, irq = 0, softirq = 0] = fields
    .trim()
    .split(" ")
    .map(Number);
  // Time of virtual machines (guest) is in user already; what another machine had (steal) was not there to be used.
  return { busyTicks: user + nice + system + irq + softirq, idleTicks: idle + iowait };
}

/** @returns milliseconds of one core that all cores together were busy, and had, between two readings; undefined when none passed */
export function processorBetween(
  before: ProcessorTime,
  after: ProcessorTime,
): { busyMs: number; wholeMs: number } | undefined {
  const busyMs = (after.busyTicks - before.busyTicks) * TICK_MS;
  // iowait may go back (proc_stat(5)).
  const idleMs = Math.max(0, after.idleTicks - before.idleTicks) * TICK_MS;
  return busyMs < 0 || busyMs + idleMs <= 0 ? undefined : { busyMs, wholeMs: busyMs + idleMs };
}
