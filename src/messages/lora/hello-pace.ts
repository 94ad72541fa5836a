import type { Timers } from "../../host/timers.ts";

const LONGEST_MS = 30 * 60_000;
const SHORTEST_FRAMES = 15;
/** Where many hear each other, all that they say is heard by all: each is silent longer. */
const FRAMES_A_NEIGHBOUR = 4;
const LEAST_MS = 15_000;
/** A box that has just come, and whoever hears one come, says hello within so many frames: until then nothing goes between them. */
const GREETING_FRAMES = 4;

/**
 * When the next hello is due: soon when something has changed, then half as often each time (Trickle, RFC 6206, without its
 * suppression, for no hello says what another does).
 */
export class HelloPace {
  private intervalMs = LEAST_MS;
  private cancel = () => {};
  private greetedAtMs = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly timers: Timers,
    private readonly random: () => number,
    /** Time on the air of the largest frame: where frames are slow, so are hellos. */
    private readonly frameMs: () => number,
    private readonly neighbours: () => number,
    private readonly due: () => void,
  ) {}

  start(): void {
    this.intervalMs = this.shortestMs;
    this.greet();
  }

  /** Somebody has come who does not know of this box: soon, and as often as hellos go at most. */
  greet(): void {
    const nowMs = this.timers.monotonicMs();
    if (nowMs - this.greetedAtMs < this.shortestMs) {
      this.hurry();
      return;
    }
    this.greetedAtMs = nowMs;
    this.intervalMs = this.shortestMs;
    this.planWithin(this.random() * GREETING_FRAMES * this.frameMs());
  }

  /** Something is new that neighbours should know. */
  hurry(): void {
    if (this.intervalMs <= this.shortestMs) return;
    this.intervalMs = this.shortestMs;
    this.plan();
  }

  stop(): void {
    this.cancel();
  }

  private get shortestMs(): number {
    const frames = SHORTEST_FRAMES + FRAMES_A_NEIGHBOUR * this.neighbours();
    return Math.min(LONGEST_MS, Math.max(LEAST_MS, frames * this.frameMs()));
  }

  private plan(): void {
    this.planWithin(this.intervalMs * (0.5 + this.random() / 2));
  }

  private planWithin(atMs: number): void {
    this.cancel();
    const { intervalMs } = this;
    this.cancel = this.timers.after(atMs, () => {
      this.due();
      this.intervalMs = Math.min(LONGEST_MS, intervalMs * 2);
      this.cancel = this.timers.after(intervalMs - atMs, () => this.plan());
    });
  }
}
