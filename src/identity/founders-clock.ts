import { StatementError } from "./statement.ts";

/** The day before which no box with this program can have run, in seconds since 1970: 2026-07-01. */
const BUILT_S = 1_782_864_000;
/** How far beyond what it knows for certain a founder's clock is believed: 5 years. */
const MAX_LEAP_S = 5 * 366 * 86_400;

/**
 * What the network's own key signs moves every box's time on, for good: with a clock far ahead of all that is known a box does
 * not sign by it.
 * @param floorS the latest time that the network has proof of
 * @throws {StatementError} where the clock is not to be believed
 */
export function expectCredible(nowS: number, floorS: number): void {
  const knownS = Math.max(BUILT_S, floorS);
  if (nowS <= knownS + MAX_LEAP_S) return;
  const [clock, known] = [nowS, knownS].map((at) => new Date(at * 1_000).toISOString());
  throw new StatementError(
    "statement.issuedAt",
    `this box's clock says ${clock}, more than five years after ${known}, the last time that is certain; set the clock, or update the box's program`,
  );
}
