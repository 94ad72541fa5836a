import type { Body, MessageId } from "./body.ts";
import { MAX_CONTROL_BYTES } from "./paths-interface.ts";
import { ReplayWindow } from "./replay-window.ts";

type Control = Body & { kind: "control" };

/** Twice what a sender may be ahead of its oldest message. */
const WINDOW = 4_096;
/** Epochs of the peer that are remembered. */
const MAX_EPOCHS = 4;
/** Messages that are there in part. */
const MAX_PARTIAL = 16;
/** A part that has not grown for so long is given up. */
const STALE_MS = 600_000;

interface Partial {
  id: MessageId;
  parts: (Uint8Array | undefined)[];
  grewMs: number;
}

/** Takes messages of one peer, each once, and puts together what came in parts. Bounded, whatever comes. */
export class Inbox {
  /** The one used last is the last. */
  private readonly seen = new Map<number, ReplayWindow>();
  private readonly partials = new Map<string, Partial>();

  /** The whole message for the first time, "known" where it was there before, "partial" or "refused". */
  take(control: Control, nowMs: number): Uint8Array | "known" | "partial" | "refused" {
    const { id, part, count, body } = control;
    if (!this.windowOf(id.epoch).isNew(id.number)) return "known";
    if (count === 1) return body.length > MAX_CONTROL_BYTES ? "refused" : body;
    const key = `${id.epoch} ${id.number} ${count}`;
    const partial = this.partials.get(key) ?? this.begin(key, id, count, nowMs);
    partial.parts[part] ??= body;
    partial.grewMs = nowMs;
    const parts = partial.parts.filter((piece) => piece !== undefined);
    if (parts.length < count) return "partial";
    this.partials.delete(key);
    const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
    if (whole.length > MAX_CONTROL_BYTES) return "refused";
    parts.reduce((at, piece) => {
      whole.set(piece, at);
      return at + piece.length;
    }, 0);
    return whole;
  }

  /** It has been handed over: it is not taken again. */
  taken({ epoch, number }: MessageId): void {
    this.windowOf(epoch).add(number);
    for (const [key, { id }] of this.partials)
      if (id.epoch === epoch && id.number === number) this.partials.delete(key);
  }

  get partialCount(): number {
    return this.partials.size;
  }

  private windowOf(epoch: number): ReplayWindow {
    const window = this.seen.get(epoch) ?? new ReplayWindow(WINDOW);
    this.seen.delete(epoch);
    this.seen.set(epoch, window);
    const [oldest] = this.seen.keys();
    if (this.seen.size > MAX_EPOCHS && oldest !== undefined) this.seen.delete(oldest);
    return window;
  }

  private begin(key: string, id: MessageId, count: number, nowMs: number): Partial {
    for (const [other, { grewMs }] of this.partials)
      if (nowMs - grewMs > STALE_MS) this.partials.delete(other);
    const [oldest] = this.partials.keys();
    if (this.partials.size >= MAX_PARTIAL && oldest !== undefined) this.partials.delete(oldest);
    const partial: Partial = { id, parts: new Array(count).fill(undefined), grewMs: nowMs };
    this.partials.set(key, partial);
    return partial;
  }
}
