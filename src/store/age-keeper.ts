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
const LEAST_SUSPENDED_MS = 1_000;
/** A box that was off for longer has a clock that jumped, or nothing in it that still lives. */
const LONGEST_OFF_MS = 30 * 86_400_000;

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

/** Of what {@link passedMs} says, what the wall clock alone says. */
const guessedMs = (kept: Moment, now: Moment): number =>
  kept.bootId === now.bootId ? 0 : passedMs(kept, now) - Math.max(0, now.bootMs);

export interface AgeKeeperOptions {
  /** What was kept last; undefined for a new store. */
  kept: KeptAge | undefined;
  /** Milliseconds since some start, never going back. */
  monotonicMs: () => number;
  /** The kernel's, which a restart of the daemon does not touch. */
  moment: () => Moment;
}

/**
 * The age of a store: it grows by what passes, and no clock on the wall makes it jump while the box runs. The age of what is in it
 * is the difference to the store's age when that was made.
 */
export class AgeKeeper {
  /** By how much the age has grown at the start by the word of the wall clock alone, which may have jumped. */
  readonly guessedMs: number;
  private ageMs: number;
  /** When it was that, by both clocks. */
  private countedMs: number;
  private countedBootMs: number;

  constructor(private readonly options: AgeKeeperOptions) {
    const { kept, moment, monotonicMs } = options;
    const now = moment();
    this.ageMs = kept ? kept.ageMs + passedMs(kept, now) : FIRST_AGE_MS;
    this.guessedMs = kept ? guessedMs(kept, now) : 0;
    this.countedMs = monotonicMs();
    this.countedBootMs = now.bootMs;
  }

  /** Whole milliseconds. */
  nowMs(): number {
    return Math.floor(this.ageMs + this.options.monotonicMs() - this.countedMs);
  }

  /** To be kept, at least every minute: what passes after it is lost where the box is killed and its clock is not to be trusted. */
  toKeep(): KeptAge {
    const { bootId, bootMs, wallMs } = this.options.moment();
    const monotonicMs = this.options.monotonicMs();
    const suspendedMs = bootMs - this.countedBootMs - (monotonicMs - this.countedMs);
    // A suspended machine's clocks stand still, but for the kernel's time since boot; below that they differ by rounding.
    if (suspendedMs >= LEAST_SUSPENDED_MS) {
      this.ageMs += suspendedMs;
      this.countedBootMs += suspendedMs;
    }
    return { ageMs: this.nowMs(), bootId, bootMs: Math.floor(bootMs), wallMs: Math.floor(wallMs) };
  }
}
