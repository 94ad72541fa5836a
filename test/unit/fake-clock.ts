import type { Clock } from "../../src/host/clock.ts";

/** Time that passes only when a test says so. */
export class FakeClock implements Clock {
  private monotonic = 1_000;
  private wall = Date.UTC(2026, 6, 1);

  wallMs(): number {
    return this.wall;
  }

  monotonicMs(): number {
    return this.monotonic;
  }

  pass(ms: number): void {
    this.monotonic += ms;
    this.wall += ms;
  }

  /** The wall clock jumps, as it does when a box without a battery clock learns the date. */
  jumpWall(ms: number): void {
    this.wall += ms;
  }
}
