import { type Priority, rankOf } from "../priority.ts";
import type { Fate } from "../radio.ts";

export interface QueuedFrame {
  bytes: Uint8Array;
  priority: Priority;
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

  first(): QueuedFrame | undefined {
    let first: Entry | undefined;
    for (const entry of this.entries) if (!first || this.goesBefore(entry, first)) first = entry;
    return first?.frame;
  }

  /** @returns whether it was there */
  remove(frame: QueuedFrame): boolean {
    const before = this.entries.length;
    this.entries = this.entries.filter((entry) => entry.frame !== frame);
    return this.entries.length < before;
  }

  takeAll(): QueuedFrame[] {
    const frames = this.entries.map(({ frame }) => frame);
    this.entries = [];
    return frames;
  }

  /** Time on the air of all that would go before a new frame of this priority. */
  airtimeAheadMs(priority: Priority): number {
    const nowMs = this.nowMs();
    return this.entries
      .filter(({ frame, sinceMs }) => scoreOf(frame.priority, nowMs - sinceMs) <= scoreOf(priority, 0))
      .reduce((sum, { frame }) => sum + frame.airtimeMs, 0);
  }

  private goesBefore(a: Entry, b: Entry): boolean {
    const nowMs = this.nowMs();
    const difference =
      scoreOf(a.frame.priority, nowMs - a.sinceMs) - scoreOf(b.frame.priority, nowMs - b.sinceMs);
    return difference === 0 ? a.order < b.order : difference < 0;
  }
}

/** The lowest goes first. */
function scoreOf(priority: Priority, waitedMs: number): number {
  return priority === "sos" ? Number.NEGATIVE_INFINITY : rankOf(priority) * STEP_MS - waitedMs;
}
