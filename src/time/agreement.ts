export interface Agreement {
  /** The middle of all that was said: with more honest than lying voices it lies between two honest ones. */
  middleMs: number;
  /** How far those who agree are from it at most. */
  spreadMs: number;
  /** How many agree. */
  voices: number;
}

export interface AgreementRules {
  /** So many must agree. */
  least: number;
  /** Who is farther from the middle does not agree. */
  withinMs: number;
}

/**
 * What most of those say whose word alone is worth little: the median, where more than half are near it. As long as fewer lie than
 * are right, the median cannot leave the range of those who are right, wherever the lies are.
 */
export function agreement(
  said: readonly number[],
  { least, withinMs }: AgreementRules,
): Agreement | undefined {
  const sorted = said.filter(Number.isFinite).sort((a, b) => a - b);
  const [low, high] = [sorted[Math.floor((sorted.length - 1) / 2)], sorted[Math.floor(sorted.length / 2)]];
  if (low === undefined || high === undefined) return undefined;
  const middleMs = low + (high - low) / 2;
  const distances = sorted.map((one) => Math.abs(one - middleMs)).filter((distance) => distance <= withinMs);
  const voices = distances.length;
  if (voices < least || voices * 2 <= sorted.length) return undefined;
  return { middleMs, spreadMs: Math.max(...distances), voices };
}
