import type { Timers } from "../../host/timers.ts";

export interface PublicationOptions {
  timers: Timers;
  /** 0 up to but not 1. */
  random(): number;
  /** How many others publish the like here. */
  others(): number;
  /** Publishes it once more. */
  send(): void;
}

/** RFC 6762, 8.3: what starts at once on all boxes after a power cut is spread over a quarter of a second. */
const FIRST_SPREAD_MS = 250;
const FIRST_PAUSE_MS = 1_000;
/** Between announcements that nobody asked for, once all has been quiet. */
export const LONGEST_PAUSE_MS = 300_000;
const PAUSE_JITTER = 0.2;
/** RFC 6762, 6: 20 to 120 ms; longer here, since answers for several networks of one box are to be told apart by nobody. */
const ANSWER_MIN_MS = 20;
const ANSWER_SPREAD_MS = 300;
/** RFC 6762, 6: the same record at most once a second. */
const LEAST_PAUSE_MS = 1_000;
/**
 * All boxes on a link together answer so often, however many they are: each has to read what every other says, and whoever
 * comes new needs some of them at once and not all.
 */
const ANSWER_SHARE_MS = 100;
/** Whoever has a key can pretend to be many. */
const LONGEST_SHARE_MS = 10_000;

/**
 * When one network's announcement is made on one interface: at once, then 1, 2, 4 … 256 seconds later, then every
 * five minutes, and when it was asked for. Each publication draws its own times.
 */
export class Publication {
  private pauseMs = FIRST_PAUSE_MS;
  private sentMs = Number.NEGATIVE_INFINITY;
  private cancelNext: (() => void) | undefined;
  private cancelAnswer: (() => void) | undefined;

  constructor(private readonly options: PublicationOptions) {}

  /** Starts with the shortest pauses again: at the start, and whenever it says something new. */
  start(): void {
    this.pauseMs = FIRST_PAUSE_MS;
    this.next(this.options.random() * FIRST_SPREAD_MS);
  }

  stop(): void {
    this.cancelNext?.();
    this.cancelAnswer?.();
    this.cancelAnswer = undefined;
  }

  /**
   * Somebody asks: an answer follows within a third of a second, or once a second has passed since the last; where there are
   * many others, within their number times {@link ANSWER_SHARE_MS}, ten seconds at most.
   */
  asked(): void {
    if (this.cancelAnswer) return;
    const { timers, random, others } = this.options;
    const shareMs = Math.min(LONGEST_SHARE_MS, others() * ANSWER_SHARE_MS);
    const waitMs = ANSWER_MIN_MS + random() * Math.max(ANSWER_SPREAD_MS, shareMs);
    const earliestMs = this.sentMs + Math.max(LEAST_PAUSE_MS, shareMs) - timers.monotonicMs();
    this.cancelAnswer = timers.after(Math.max(waitMs, earliestMs), () => {
      this.cancelAnswer = undefined;
      this.send();
    });
  }

  private next(delayMs: number): void {
    this.cancelNext?.();
    this.cancelNext = this.options.timers.after(delayMs, () => {
      this.send();
      const jitter = 1 + PAUSE_JITTER * (2 * this.options.random() - 1);
      const pauseMs = this.pauseMs * jitter;
      this.pauseMs = Math.min(this.pauseMs * 2, LONGEST_PAUSE_MS);
      this.next(pauseMs);
    });
  }

  private send(): void {
    this.sentMs = this.options.timers.monotonicMs();
    this.options.send();
  }
}
