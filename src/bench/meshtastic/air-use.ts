import type { Timers } from "../../host/timers.ts";

const CHANNEL_PERIODS = 6;
const CHANNEL_PERIOD_MS = 10_000;
const OWN_PERIODS = 60;
const OWN_PERIOD_MS = 60_000;

/** Time in a ring of periods, the oldest of which is forgotten when a new one begins. */
class Periods {
  private readonly spentMs: number[];
  private last = 0;

  constructor(
    count: number,
    private readonly periodMs: number,
  ) {
    this.spentMs = Array(count).fill(0);
  }

  add(nowMs: number, ms: number): void {
    this.turn(nowMs);
    const at = this.last % this.spentMs.length;
    this.spentMs[at] = (this.spentMs[at] ?? 0) + ms;
  }

  percent(nowMs: number): number {
    this.turn(nowMs);
    const sum = this.spentMs.reduce((total, ms) => total + ms, 0);
    return (sum / (this.spentMs.length * this.periodMs)) * 100;
  }

  private turn(nowMs: number): void {
    const now = Math.floor(nowMs / this.periodMs);
    const from = Math.max(this.last + 1, now - this.spentMs.length + 1);
    for (let period = from; period <= now; period++) this.spentMs[period % this.spentMs.length] = 0;
    this.last = Math.max(this.last, now);
  }
}

/** What the firmware counts of the air: the channel's use over a minute, and its own over an hour (airtime.cpp). */
export class AirUse {
  private readonly channel = new Periods(CHANNEL_PERIODS, CHANNEL_PERIOD_MS);
  private readonly own = new Periods(OWN_PERIODS, OWN_PERIOD_MS);
  private readonly startMs: number;

  constructor(private readonly timers: Timers) {
    this.startMs = timers.monotonicMs();
  }

  sent(airtimeMs: number): void {
    this.own.add(this.nowMs(), airtimeMs);
    this.channel.add(this.nowMs(), airtimeMs);
  }

  heard(airtimeMs: number): void {
    this.channel.add(this.nowMs(), airtimeMs);
  }

  channelPercent(): number {
    return this.channel.percent(this.nowMs());
  }

  ownPercent(): number {
    return this.own.percent(this.nowMs());
  }

  /** It forgets when it is started anew, as the firmware does. */
  private nowMs(): number {
    return this.timers.monotonicMs() - this.startMs;
  }
}
