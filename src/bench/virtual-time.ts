import { setImmediate } from "node:timers/promises";
import type { Clock } from "../host/clock.ts";
import type { Timers } from "../host/timers.ts";

interface Waiting {
  dueMs: number;
  /** Decides between tasks that are due at the same time: the one asked for first goes first. */
  order: number;
  /** undefined once it has run or was called off. */
  task: (() => void) | undefined;
}

const isBefore = (a: Waiting, b: Waiting): boolean =>
  a.dueMs < b.dueMs || (a.dueMs === b.dueMs && a.order < b.order);

/** Called-off tasks stay in the heap until they are at least this many and outnumber the others. */
const SWEEP_FROM = 1_024;

export interface VirtualTimeOptions {
  /** What {@link VirtualTime.monotonicMs} starts at; default 0. */
  startMs?: number;
  /** What {@link VirtualTime.wallMs} starts at, in ms since 1970; default 1 July 2026. */
  wallStartMs?: number;
}

/**
 * Time that passes only when it is told to, as fast as the machine can run what is due in it. Tasks run in the order of
 * their time, and those of the same time in the order in which they were asked for, so that a run can be repeated. A
 * task that throws ends the call that ran it; the time then stands at that task, and the next call goes on behind it.
 */
export class VirtualTime implements Timers, Clock {
  /** A binary heap: the parent of `i` is `(i - 1) >> 1`, and comes before it. */
  private heap: Waiting[] = [];
  private calledOff = 0;
  private asked = 0;
  private nowMs: number;
  private readonly wallOffsetMs: number;
  private running = false;

  constructor({ startMs = 0, wallStartMs = Date.UTC(2026, 6, 1) }: VirtualTimeOptions = {}) {
    this.nowMs = startMs;
    this.wallOffsetMs = wallStartMs - startMs;
  }

  monotonicMs(): number {
    return this.nowMs;
  }

  wallMs(): number {
    return this.nowMs + this.wallOffsetMs;
  }

  /** How many tasks wait. */
  get waiting(): number {
    return this.heap.length - this.calledOff;
  }

  /** @throws RangeError when `delayMs` is not a finite number; one below 0 counts as 0 */
  after(delayMs: number, task: () => void): () => void {
    if (!Number.isFinite(delayMs)) throw new RangeError(`delayMs: ${delayMs} is not a finite number`);
    const waiting: Waiting = { dueMs: this.nowMs + Math.max(0, delayMs), order: this.asked++, task };
    this.heap.push(waiting);
    this.siftUp(this.heap.length - 1);
    return () => {
      if (!waiting.task) return;
      waiting.task = undefined;
      this.calledOff++;
      if (this.calledOff >= SWEEP_FROM && this.calledOff * 2 > this.heap.length) this.sweep();
    };
  }

  /** Runs all that is due within `ms`, what that asks for included; then `ms` have passed. */
  advance(ms: number): void {
    this.runUntil(() => false, ms);
  }

  /**
   * Runs one task after another until `predicate` holds, which is asked at the start and after every task.
   * @param limitMs at most so long from now
   * @returns whether it held; the time is then that of the task that made it so, else `limitMs` have passed
   */
  runUntil(predicate: () => boolean, limitMs: number): boolean {
    return this.whileRunning(() => {
      const endMs = this.endOf(limitMs);
      while (!predicate()) {
        if (!this.runNext(endMs)) return false;
      }
      return true;
    });
  }

  /**
   * Runs until nothing waits any more.
   * @param limitMs at most so long from now
   * @returns whether that came about; the time is then that of the last task, else `limitMs` have passed
   */
  runToEnd(limitMs: number): boolean {
    return this.runUntil(() => this.waiting === 0, limitMs);
  }

  /** As {@link advance}, for code at the edge that awaits: promises settle before each task and after the last. */
  async advanceAsync(ms: number): Promise<void> {
    await this.runUntilAsync(() => false, ms);
  }

  /** As {@link runUntil}; promises settle before each question, so `predicate` may be about what they bring. */
  async runUntilAsync(predicate: () => boolean, limitMs: number): Promise<boolean> {
    const endMs = this.endOf(limitMs);
    await setImmediate();
    while (!predicate()) {
      if (!this.whileRunning(() => this.runNext(endMs))) {
        await setImmediate();
        return predicate();
      }
      await setImmediate();
    }
    return true;
  }

  private endOf(limitMs: number): number {
    if (!(limitMs >= 0)) throw new RangeError(`limitMs: ${limitMs} is not 0 or more`);
    return this.nowMs + limitMs;
  }

  /** A task that moves the time would let a later task run before an earlier one. */
  private whileRunning<T>(run: () => T): T {
    if (this.running) throw new Error("virtual time is moved by a task that runs in it");
    this.running = true;
    try {
      return run();
    } finally {
      this.running = false;
    }
  }

  /** @returns false when nothing is due up to `endMs`; the time is then `endMs` */
  private runNext(endMs: number): boolean {
    for (let first = this.heap[0]; first && first.dueMs <= endMs; first = this.heap[0]) {
      this.removeFirst();
      const { task } = first;
      if (!task) {
        this.calledOff--;
        continue;
      }
      first.task = undefined;
      this.nowMs = Math.max(this.nowMs, first.dueMs);
      task();
      return true;
    }
    if (endMs !== Number.POSITIVE_INFINITY) this.nowMs = Math.max(this.nowMs, endMs);
    return false;
  }

  private removeFirst(): void {
    const last = this.heap.pop();
    if (!last || this.heap.length === 0) return;
    this.heap[0] = last;
    this.siftDown(0);
  }

  private siftUp(from: number): void {
    const { heap } = this;
    const moved = heap[from];
    if (!moved) return;
    let at = from;
    while (at > 0) {
      const above = (at - 1) >> 1;
      const parent = heap[above];
      if (!parent || isBefore(parent, moved)) break;
      heap[at] = parent;
      at = above;
    }
    heap[at] = moved;
  }

  private siftDown(from: number): void {
    const { heap } = this;
    const moved = heap[from];
    if (!moved) return;
    let at = from;
    for (;;) {
      let below = at * 2 + 1;
      let child = heap[below];
      if (!child) break;
      const right = heap[below + 1];
      if (right && isBefore(right, child)) {
        child = right;
        below++;
      }
      if (isBefore(moved, child)) break;
      heap[at] = child;
      at = below;
    }
    heap[at] = moved;
  }

  private sweep(): void {
    this.heap = this.heap.filter(({ task }) => task);
    this.calledOff = 0;
    for (let i = (this.heap.length >> 1) - 1; i >= 0; i--) this.siftDown(i);
  }
}
