import type { Timers } from "../../host/timers.ts";
import { BreachError } from "./handing.ts";

/** Two that have the same compare less and less often: what is new is offered at once anyway. */
const FIRST_MS = 60_000;
const LATEST_MS = 16 * 60_000;
/** Between two comparisons, however much is left to find. */
const LEAST_MS = 2_000;
/** Messages of comparisons that a peer may send: at once, and then so many a second. */
const ASKED_AT_ONCE = 2_500;
const ASKED_PER_S = 10;

/** When this box compares with a neighbour. */
export class ComparePace {
  private dueAtMs = Number.NEGATIVE_INFINITY;
  private beganAtMs = Number.NEGATIVE_INFINITY;
  private everyMs = FIRST_MS;
  private isComplete = true;
  private withLarge = false;
  /** How many bundles had gone over when the last comparison began. */
  private movedBefore = 0;

  constructor(
    private readonly timers: Timers,
    private readonly random: () => number,
  ) {}

  /** @param mayLarge what is large may go over now: what was held back is found by comparing */
  isDue(mayLarge: boolean): boolean {
    return this.timers.monotonicMs() >= this.dueAtMs || (mayLarge && !this.withLarge);
  }

  /** @param moved how many bundles have gone over until now */
  began(mayLarge: boolean, moved: number): void {
    this.withLarge = mayLarge;
    this.movedBefore = moved;
    this.beganAtMs = this.timers.monotonicMs();
    this.dueAtMs = Number.POSITIVE_INFINITY;
  }

  ended({ foundSomething, complete }: { foundSomething: boolean; complete: boolean }): void {
    this.everyMs = foundSomething ? FIRST_MS : Math.min(LATEST_MS, this.everyMs * 2);
    this.isComplete = complete;
    this.dueAtMs = this.timers.monotonicMs() + this.everyMs * (0.75 + this.random() / 2);
  }

  /** All that was found has gone over: what there was no room for is looked for now. */
  settled(moved: number): void {
    // Whoever tells of bundles and never comes out with one has this box compare no more often than others.
    if (this.isComplete || moved === this.movedBefore) return;
    if (this.timers.monotonicMs() - this.beganAtMs < LEAST_MS) return;
    this.isComplete = true;
    this.dueAtMs = Number.NEGATIVE_INFINITY;
  }
}

/** How often a neighbour may ask this box to compare. */
export class CompareAllowance {
  private left = ASKED_AT_ONCE;
  private atMs: number;

  constructor(private readonly timers: Timers) {
    this.atMs = timers.monotonicMs();
  }

  /** @throws {BreachError} when it asks more often than anybody honest would */
  take(): void {
    const nowMs = this.timers.monotonicMs();
    const grown = this.left + ((nowMs - this.atMs) / 1_000) * ASKED_PER_S;
    this.left = Math.min(ASKED_AT_ONCE, grown) - 1;
    this.atMs = nowMs;
    if (this.left < 0) throw new BreachError("compares too often");
  }
}
