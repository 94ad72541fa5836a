/** Time, handed in so that tests need not wait. */
export interface Clock {
  /** Milliseconds since 1970 as far as the box knows; it may jump, and be years off (a Pi has no battery clock). */
  wallMs(): number;
  /** Milliseconds since some start, never going back. */
  monotonicMs(): number;
}

export const systemClock: Clock = {
  wallMs: () => Date.now(),
  monotonicMs: () => performance.now(),
};
