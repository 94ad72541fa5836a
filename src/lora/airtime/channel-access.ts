import type { Timers } from "../../host/timers.ts";

export interface ChannelAccessOptions {
  /** The time in which one station surely hears that another has begun: some symbols. */
  slotMs: number;
  timers: Timers;
  /** 0 ≤ x < 1. */
  random: () => number;
  isBusy: () => boolean;
}

/** The channel must have been free for so many slots before the count begins. */
const GAP_SLOTS = 4;
/** An answer is there before anybody else may begin. */
const ANSWER_GAP_SLOTS = 1;
const ANSWER_WINDOW = 3;
const FIRST_WINDOW = 16;
const LARGEST_WINDOW = 128;
/** Two stations that began at the same moment must be told apart before they spoil a whole burst of each other's. */
const DOUBT_WINDOW = 8;

/**
 * Listen before talk with random back-off, as IEEE 802.11's distributed coordination function (section 10.3.4): after a
 * gap of silence a random number of free slots is counted down; while somebody talks, the count stands still, so that
 * who has waited is nearer to its turn. When two turn out to have begun together the window doubles, and it shrinks again
 * with every turn that was calm.
 */
export class ChannelAccess {
  private window = FIRST_WINDOW;
  private cancel: (() => void) | undefined;

  constructor(private readonly options: ChannelAccessOptions) {}

  get isContending(): boolean {
    return this.cancel !== undefined;
  }

  /** What a turn takes on a quiet channel, on average, in ms. */
  get meanMs(): number {
    return (GAP_SLOTS + (this.window - 1) / 2) * this.options.slotMs;
  }

  /** Calls `won` when this station may begin. One contention at a time. */
  contend(isAnswer: boolean, won: () => void): void {
    if (isAnswer) this.countDown(ANSWER_GAP_SLOTS, ANSWER_WINDOW, won);
    else this.countDown(GAP_SLOTS, this.window, won);
  }

  /** Within a turn: listens for a short random time whether somebody else believes that it is theirs, and waits then. */
  doubt(won: () => void): void {
    this.countDown(0, DOUBT_WINDOW, (wasBusy) => {
      this.window = wasBusy
        ? Math.min(this.window * 2, LARGEST_WINDOW)
        : Math.max(Math.floor(this.window / 2), FIRST_WINDOW);
      won();
    });
  }

  private countDown(gapSlots: number, window: number, won: (wasBusy: boolean) => void): void {
    let slotsLeft = Math.floor(this.options.random() * window);
    let gapLeft = gapSlots;
    let wasBusy = false;
    const slot = () => {
      if (this.options.isBusy()) {
        gapLeft = GAP_SLOTS;
        wasBusy = true;
      } else if (gapLeft > 0) gapLeft -= 1;
      else if (slotsLeft > 0) slotsLeft -= 1;
      if (gapLeft === 0 && slotsLeft === 0 && !this.options.isBusy()) {
        this.cancel = undefined;
        won(wasBusy);
        return;
      }
      this.cancel = this.options.timers.after(this.options.slotMs, slot);
    };
    this.cancel = this.options.timers.after(this.options.slotMs, slot);
  }

  stop(): void {
    this.cancel?.();
    this.cancel = undefined;
  }
}
