import { atIntervals } from "../host/intervals.ts";
import type { Timers } from "../host/timers.ts";

const EVERY_MS = 15_000;

/** How busy this process keeps the machine, as other boxes are told it. */
export class LoadMeter {
  private latest = 0;
  private end: () => Promise<void> = async () => {};

  constructor(private readonly timers: Timers) {}

  /** Thousandths of a core, over the last quarter of a minute; 0 before one has passed. */
  get thousandths(): number {
    return this.latest;
  }

  start(): void {
    let before = process.cpuUsage();
    let beforeMs = this.timers.monotonicMs();
    const measure = () => {
      const nowMs = this.timers.monotonicMs();
      const { user, system } = process.cpuUsage(before);
      this.latest = Math.round((user + system) / Math.max(1, nowMs - beforeMs));
      before = process.cpuUsage();
      beforeMs = nowMs;
    };
    // Nothing in it can fail.
    this.end = atIntervals(EVERY_MS, measure, () => {}, this.timers);
  }

  stop(): Promise<void> {
    return this.end();
  }
}
