import type { QuietHours } from "./policy.ts";

const MINUTES_A_DAY = 1_440;

const secondsUntil = (minute: number, minuteOfDay: number): number =>
  ((minute - minuteOfDay + MINUTES_A_DAY) % MINUTES_A_DAY) * 60;

/**
 * Seconds until the quiet hours begin; 0 within them. Where the clock is changed for summer in between it is an hour off.
 * @param minuteOfDay minutes since midnight by the box's local time, may have a fraction
 */
export function secondsUntilQuiet({ from, to }: QuietHours, minuteOfDay: number): number {
  const isOverMidnight = from > to;
  const isWithin = isOverMidnight
    ? minuteOfDay >= from || minuteOfDay < to
    : minuteOfDay >= from && minuteOfDay < to;
  return isWithin ? 0 : secondsUntil(from, minuteOfDay);
}

/** Seconds until they end, at most a day. */
export const secondsUntilLoud = ({ to }: QuietHours, minuteOfDay: number): number =>
  secondsUntil(to, minuteOfDay);

/** `22:05` of a minute of the day. */
export function clockText(minuteOfDay: number): string {
  const two = (number: number) => String(number).padStart(2, "0");
  return `${two(Math.floor(minuteOfDay / 60))}:${two(minuteOfDay % 60)}`;
}
