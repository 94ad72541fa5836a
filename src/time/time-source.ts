/** Who tells the time, the best first. */
export const TIME_SOURCES = ["network", "satellites", "boxes", "radio", "phones"] as const;
export type TimeSource = (typeof TIME_SOURCES)[number];

/** What one source says of the time. */
export interface Reading {
  source: TimeSource;
  /** What it says of the moment at which the monotonic clock was 0, in ms since 1970. */
  epochMs: number;
  /** When it was heard, on the monotonic clock. */
  heardMs: number;
  /** How far it may have been off then, either way. */
  uncertaintyMs: number;
  /** How many agree, where it is more than one. */
  voices?: number | undefined;
  /** Boxes from here to the one that has it from no other box. */
  hops?: number | undefined;
}

/** Those whose word others may act on: a box's operator, satellites, or a network that it was joined to stands behind it. */
export const isTrusted = (source: TimeSource): boolean =>
  source === "network" || source === "satellites" || source === "boxes";

/** How far the box's own oscillator may drift: a cheap crystal's 100 ppm (50 by its data sheet, and age and heat). */
const DRIFT = 100e-6;

/** How far off a reading may be by now. */
export const uncertaintyAt = (
  { uncertaintyMs, heardMs }: Pick<Reading, "uncertaintyMs" | "heardMs">,
  nowMs: number,
): number => uncertaintyMs + Math.max(0, nowMs - heardMs) * DRIFT;

const YEAR_MS = 365.25 * 86_400_000;

/**
 * How long after the program was built a source is believed. Receivers of satellites whose count of weeks has run over are off by
 * 19.6 years; who else says that it is much later than the program is old has a clock that was set wrong, or lies.
 */
const BELIEVED_FOR_MS: Readonly<Record<TimeSource, number>> = {
  network: Number.POSITIVE_INFINITY,
  satellites: 15 * YEAR_MS,
  boxes: 15 * YEAR_MS,
  radio: 5 * YEAR_MS,
  phones: 5 * YEAR_MS,
};

/** Whether a time can be right. @param builtMs when the program was built: no box has run before */
export const isCredible = (source: TimeSource, wallMs: number, builtMs: number): boolean =>
  wallMs >= builtMs && wallMs <= builtMs + BELIEVED_FOR_MS[source];
