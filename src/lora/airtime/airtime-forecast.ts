import type { AirtimeLimit } from "./regions.ts";

/** Airtime that counts against a limit: on the air without a gap, up to `endMs`. */
export interface Use {
  endMs: number;
  airtimeMs: number;
}

/** A transmission that is still to come. */
export interface Planned {
  airtimeMs: number;
  /** Of each limit of long windows, what it may use: 0 to 1. */
  share: number;
  /** It goes first where what is before it may not start yet and it may; default false. */
  overtakes?: boolean;
}

/** In a window this short there is room again before anything urgent has waited long: no share of it is kept back. */
const SHARED_FROM_MS = 60_000;

/** A start that is cut to measure is put so much later: sums of fractions are not exact, a limit is held all the same. */
export const ROUNDING_MS = 0.001;

/** @returns what may be on the air in one window, in ms */
export function allowedMs({ windowMs, airtimeMs }: AirtimeLimit, share: number): number {
  return windowMs < SHARED_FROM_MS ? airtimeMs : airtimeMs * share;
}

/** @returns what one window may hold beside a transmission, in ms; below 0 where it is too long for any window */
export function roomBesideMs(limit: AirtimeLimit, { airtimeMs, share }: Planned): number {
  return allowedMs(limit, share) - airtimeMs;
}

/**
 * Where the window of one limit stands while transmissions are planned one after another. Each look drops what has left
 * the window, so that a whole queue costs as much as one walk over the past hour.
 */
export class LimitWindow {
  /**
   * @param uses none overlapping another, in order; what is planned is added at the end of it
   * @param first of `uses` that is in the window, and how much they are from there on
   */
  constructor(
    private readonly limit: AirtimeLimit,
    private readonly uses: readonly Use[],
    private first = 0,
    private sumMs = uses.reduce((sum, { airtimeMs }) => sum + airtimeMs, 0),
  ) {}

  /** For a look that leaves this one where it is; for as long as nothing is added. */
  copy(): LimitWindow {
    return new LimitWindow(this.limit, this.uses, this.first, this.sumMs);
  }

  /** What was added to `uses` counts from now on. */
  added({ airtimeMs }: Use): void {
    this.sumMs += airtimeMs;
  }

  /**
   * The earliest start at or after `fromMs`. The fullest window that touches a new transmission is the one that ends
   * with it; so much of the past as is still in that one, in part or whole, must fit beside it.
   */
  earliestStartMs(planned: Planned, fromMs: number): number {
    const beforeMs = this.limit.windowMs - planned.airtimeMs;
    const roomMs = roomBesideMs(this.limit, planned);
    let startMs = fromMs;
    for (let use = this.uses[this.first]; use; use = this.uses[this.first]) {
      const insideMs = Math.min(use.airtimeMs, use.endMs - (startMs - beforeMs));
      if (insideMs > 0) {
        const tooMuchMs = this.sumMs - use.airtimeMs + insideMs - roomMs;
        if (tooMuchMs <= 0) break;
        if (tooMuchMs <= insideMs) {
          startMs = use.endMs - insideMs + tooMuchMs + beforeMs + ROUNDING_MS;
          break;
        }
        startMs = use.endMs + beforeMs;
      }
      this.sumMs -= use.airtimeMs;
      this.first += 1;
    }
    return Math.max(startMs, fromMs);
  }
}
