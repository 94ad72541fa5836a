import { VirtualTime } from "../../../../src/bench/virtual-time.ts";
import type { Clock } from "../../../../src/host/clock.ts";
import type { Timers } from "../../../../src/host/timers.ts";
import type { BootClock } from "../../../../src/lora/airtime/index.ts";

/** So much faster than the machine's the time of these boxes and of their air goes. */
const SPEED = 20;
const YEAR_MS = 365 * 86_400_000;

const machineMs = () => performance.timeOrigin + performance.now();

/** The time of several processes, all of which have it at the same moment the same. */
export class FasterTime implements Timers {
  /** @param sinceMs when it began, by {@link FasterTime.beginning} */
  constructor(private readonly sinceMs: number) {}

  static beginning(): number {
    return machineMs();
  }

  monotonicMs(): number {
    return (machineMs() - this.sinceMs) * SPEED;
  }

  after(delayMs: number, task: () => void): () => void {
    const timer = setTimeout(task, delayMs / SPEED);
    return () => clearTimeout(timer);
  }

  /** Of one boot, which all processes are in. */
  get bootClock(): BootClock {
    return { bootId: "the only boot", nowMs: () => this.monotonicMs() };
  }
}

/** Virtual time that keeps up with a {@link FasterTime}, to the microsecond in what it runs and to the millisecond in when. */
export class KeptUpTime extends VirtualTime {
  private readonly timer = setInterval(() => this.keepUp(), 1);

  constructor(private readonly faster: FasterTime) {
    super({ startMs: faster.monotonicMs() });
  }

  keepUp(): void {
    this.advance(Math.max(0, this.faster.monotonicMs() - this.monotonicMs()));
  }

  close(): void {
    clearInterval(this.timer);
  }
}

/** A clock on the wall that shows something else each time that it is looked at: decades ago, or decades ahead. */
export function jumpingClock(random: () => number): Pick<Clock, "wallMs"> {
  return { wallMs: () => Math.floor(random() * 80 * YEAR_MS) };
}
