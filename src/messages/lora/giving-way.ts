import type { LoraContext } from "./context.ts";

/** Whoever is new near and all who hear them say hello within so many frames. */
const GREETED_WITHIN_FRAMES = 10;
/** Until somebody new is waited for again: addresses cost nobody anything. */
const GREETED_AGAIN_MS = 120_000;
/** Within so many frames certificates are there that were asked for by a refusal. */
const VOUCHED_WITHIN_FRAMES = 3.5;

/**
 * When what takes several frames, and is no call for help, waits: two boxes that do not hear each other, and send to a third at the same time,
 * are both lost there, and the longer a frame the likelier. Where somebody has just come nobody knows yet who hears whom; and where what is
 * most urgent was refused for want of certificates, these come now.
 */
export class GivingWay {
  private greetedMs = Number.NEGATIVE_INFINITY;
  private vouchedMs = Number.NEGATIVE_INFINITY;
  /** Until then. */
  untilMs = Number.NEGATIVE_INFINITY;

  constructor(private readonly context: Pick<LoraContext, "nowMs" | "frames">) {}

  onNewNeighbour(): void {
    const { nowMs } = this.context;
    if (nowMs < this.greetedMs + GREETED_AGAIN_MS) return;
    this.greetedMs = nowMs;
    this.giveWay(GREETED_WITHIN_FRAMES);
  }

  /** This box has not taken something, or a neighbour has said so; half of the time at most is given for that. */
  onRefused(): void {
    const { nowMs } = this.context;
    if (nowMs < this.vouchedMs + this.context.frames(2 * VOUCHED_WITHIN_FRAMES)) return;
    this.vouchedMs = nowMs;
    this.giveWay(VOUCHED_WITHIN_FRAMES);
  }

  private giveWay(frames: number): void {
    this.untilMs = Math.max(this.untilMs, this.context.nowMs + this.context.frames(frames));
  }
}
