/** What is known of time at one moment. */
export interface Moment {
  /** Another one after every boot. */
  bootId: string;
  /** Milliseconds since boot. */
  bootMs: number;
  /** Milliseconds since 1970 as far as the box knows. */
  wallMs: number;
}

/** How old the box's store was at a moment. */
export interface KeptAge extends Moment {
  ageMs: number;
}

/** An empty store begins with an age, so that what is older than the store was made at no negative one. */
export const FIRST_AGE_MS = 10_000_000_000;

/** No box was built before: a clock that says so was never set. */
const EARLIEST_WALL_MS = Date.UTC(2026, 0, 1);
/** A box that was off for longer has a clock that jumped, or nothing in it that still lives. */
const LONGEST_OFF_MS = 60 * 86_400_000;

/**
 * How much time passed between what was kept and now, as far as can be told. In one boot the time since boot tells. Between two
 * boots the wall clock does where it can be right at both ends; where it can't, only the time since this boot is known.
 */
export function passedMs(kept: Moment, now: Moment): number {
  if (kept.bootId === now.bootId) return Math.max(0, now.bootMs - kept.bootMs);
  const wallMs = now.wallMs - kept.wallMs;
  const isPlausible =
    kept.wallMs >= EARLIEST_WALL_MS &&
    now.wallMs >= EARLIEST_WALL_MS &&
    wallMs >= 0 &&
    wallMs <= LONGEST_OFF_MS;
  return Math.max(0, now.bootMs, isPlausible ? wallMs : 0);
}

export interface AgeKeeperOptions {
  /** What was kept last; undefined for a new store. */
  kept: KeptAge | undefined;
  /** Milliseconds since some start, never going back. */
  monotonicMs: () => number;
  /** The kernel's, which a restart of the daemon does not touch. */
  moment: () => Moment;
}

/**
 * The age of the store: it grows by what passes, and no clock on the wall makes it jump while the box runs. A bundle's age is the
 * difference to the store's age when it was made.
 */
export class AgeKeeper {
  private ageMs: number;
  private countedMs: number;
  private readonly options: AgeKeeperOptions;

  constructor(options: AgeKeeperOptions) {
    this.options = options;
    const { kept, moment, monotonicMs } = options;
    this.ageMs = kept ? kept.ageMs + passedMs(kept, moment()) : FIRST_AGE_MS;
    this.countedMs = monotonicMs();
  }

  /** Whole milliseconds. */
  nowMs(): number {
    return Math.floor(this.ageMs + this.options.monotonicMs() - this.countedMs);
  }

  /** To be kept, at least every minute: what passes after it is lost where the box is killed and its clock is not to be trusted. */
  toKeep(): KeptAge {
    const { bootId, bootMs, wallMs } = this.options.moment();
    return { ageMs: this.nowMs(), bootId, bootMs: Math.floor(bootMs), wallMs: Math.floor(wallMs) };
  }
}
