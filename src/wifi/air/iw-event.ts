/** What the kernel tells of its radios (`iw event`), as far as it is of use. */
export type RadioEvent =
  /** Another country, or other rules for it. */
  | "rules"
  /** A radio came, went or was renamed. */
  | "radios";

/** Reads a line of `iw event`. Undefined: what is not of use, or not understood. */
export function parseIwEvent(line: string): RadioEvent | undefined {
  const text = line.slice(0, 300);
  if (/regulatory domain change/.test(text)) return "rules";
  if (/\(?phy ?#\d+\)?: (?:renamed to|new wiphy|delete wiphy|wiphy )/i.test(text)) return "radios";
  return undefined;
}

/** @returns the interface whose scan such a line calls over, finished or not */
export function endedScan(line: string): string | undefined {
  return /^(\S{1,15})(?: \(phy #\d+\))?: scan (?:finished|aborted)/.exec(line)?.[1];
}
