/**
 * How much work waited for something (Documentation/accounting/psi.rst).
 * `some`: at least one task did; `full`: all that were not idle did, so nothing was done at all.
 */
export interface Pressure {
  some: PressureLine;
  /** Not told for the processor by kernels before 5.13. */
  full: PressureLine | undefined;
}

export interface PressureLine {
  /** Percent of the last 10, 60 and 300 seconds. */
  avg10: number;
  avg60: number;
  avg300: number;
  /** Microseconds since the start of the kernel. */
  totalUs: number;
}

/** A pressure file with something else in it. */
export class PressureError extends Error {
  override readonly name = "PressureError";
}

/** Two lines have about 130 characters. */
const MAX_TEXT = 512;
const LINE =
  /^(some|full) avg10=(\d{1,3}\.\d\d) avg60=(\d{1,3}\.\d\d) avg300=(\d{1,3}\.\d\d) total=(\d{1,15})$/;

/** @throws {PressureError} for what no kernel writes */
export function parsePressure(text: string): Pressure {
  if (text.length > MAX_TEXT) throw new PressureError(`pressure: ${text.length} characters are too many`);
  const lines = new Map<string, PressureLine>();
  for (const line of text.trimEnd().split("\n")) {
    const [, kind, avg10, avg60, avg300, total] = LINE.exec(line) ?? [];
    if (kind === undefined)
      throw new PressureError(`pressure: no line of a pressure file: ${line.slice(0, 80)}`);
    if (lines.has(kind)) throw new PressureError(`pressure.${kind}: it is there twice`);
    const percent = (text: string | undefined, field: string) => {
      const value = Number(text);
      if (value > 100) throw new PressureError(`pressure.${kind}.${field}: ${value} percent`);
      return value;
    };
    lines.set(kind, {
      avg10: percent(avg10, "avg10"),
      avg60: percent(avg60, "avg60"),
      avg300: percent(avg300, "avg300"),
      totalUs: Number(total),
    });
  }
  const some = lines.get("some");
  if (!some) throw new PressureError("pressure.some: it is missing");
  return { some, full: lines.get("full") };
}

/**
 * The share of the time between two readings that was lost, 0 to 1. It is there at once, unlike the averages, which
 * take as long as their name to follow.
 * @returns undefined when no time has passed, or the kernel's count began anew
 */
export function stalledBetween(
  before: PressureLine | undefined,
  after: PressureLine | undefined,
  elapsedMs: number,
): number | undefined {
  if (!before || !after || !(elapsedMs > 0) || after.totalUs < before.totalUs) return undefined;
  return Math.min(1, (after.totalUs - before.totalUs) / (elapsedMs * 1_000));
}
