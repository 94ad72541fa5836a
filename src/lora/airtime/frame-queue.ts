import { type Priority, rankOf } from "../priority.ts";
import type { Fate } from "../radio.ts";

export interface QueuedFrame {
  bytes: Uint8Array;
  priority: Priority;
  /** Goes before all others. */
  isAnswer: boolean;
  airtimeMs: number;
  tell: (fate: Fate) => void;
}

/** Frames of all priorities together; the least urgent gives way. */
const MAX_FRAMES = 512;
/** What has waited so long goes as if it were one step more urgent. */
const STEP_MS = 60_000;

interface Entry {
  frame: QueuedFrame;
  sinceMs: number;
  order: number;
}

/**
 * Frames by urgency. An SOS goes before all else. Among the others, every minute of waiting counts as one step of
 * priority, so that nothing waits for ever behind what is only more urgent; within one priority, first come first served.
 */
export class FrameQueue {
  private entries: Entry[] = [];
  private added = 0;

  constructor(private readonly nowMs: () => number) {}

  get size(): number {
    return this.entries.length;
  }

  /** @returns the frame that has to go for lack of room: the given one, or one less urgent; undefined when none has to */
  add(frame: QueuedFrame): QueuedFrame | undefined {
    this.added += 1;
    this.entries.push({ frame, sinceMs: this.nowMs(), order: this.added });
    if (this.entries.length <= MAX_FRAMES) return undefined;
    const last = this.entries.reduce((worst, entry) => (this.goesBefore(worst, entry) ? entry : worst));
    this.entries = this.entries.filter((entry) => entry !== last);
    return last.frame;
  }

  /** The most urgent of those that are asked for. */
  first(isAskedFor: (frame: QueuedFrame) => boolean = () => true): QueuedFrame | undefined {
    let first: Entry | undefined;
    for (const entry of this.entries) {
      if (isAskedFor(entry.frame) && (!first || this.goesBefore(entry, first))) first = entry;
    }
    return first?.frame;
  }

  /** @returns whether it was there */
  remove(frame: QueuedFrame): boolean {
    const before = this.entries.length;
    this.entries = this.entries.filter((entry) => entry.frame !== frame);
    return this.entries.length < before;
  }

  /** @returns puts it back to where it was, as if it had waited here all the time */
  take(frame: QueuedFrame): () => void {
    const entry = this.entries.find((other) => other.frame === frame);
    if (!entry) return () => {};
    this.remove(frame);
    return () => void this.entries.push(entry);
  }

  takeAll(): QueuedFrame[] {
    const frames = this.entries.map(({ frame }) => frame);
    this.entries = [];
    return frames;
  }

  /** All that would go before a new frame of this priority, in the order in which they go. */
  ahead(priority: Priority): QueuedFrame[] {
    const nowMs = this.nowMs();
    const newScore = scoreOf({ priority, isAnswer: false }, 0);
    return this.entries
      .filter(({ frame, sinceMs }) => scoreOf(frame, nowMs - sinceMs) <= newScore)
      .sort((a, b) => (this.goesBefore(a, b) ? -1 : 1))
      .map(({ frame }) => frame);
  }

  private goesBefore(a: Entry, b: Entry): boolean {
    const nowMs = this.nowMs();
    const [first, second] = [scoreOf(a.frame, nowMs - a.sinceMs), scoreOf(b.frame, nowMs - b.sinceMs)];
    return first === second ? a.order < b.order : first < second;
  }
}

/** The lowest goes first. */
function scoreOf(
  { priority, isAnswer }: Pick<QueuedFrame, "priority" | "isAnswer">,
  waitedMs: number,
): number {
  if (isAnswer) return Number.NEGATIVE_INFINITY;
  return priority === "sos" ? -Number.MAX_VALUE : rankOf(priority) * STEP_MS - waitedMs;
}
