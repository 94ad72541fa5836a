/** What is looked at to see whether the box does its work. */
export interface Vitals {
  /** Parts of the box, and whether each runs without trouble. */
  parts: readonly { name: string; isWell: boolean; detail: string }[];
  /** Whether the portal gives its page; undefined where it has not been asked yet. */
  portalAnswers: boolean | undefined;
  /** Whether something can be written into the journal, and is on the medium then. */
  storeWrites: boolean;
}

/**
 * What is wrong with the box, so that it would rather have the system back that it had before.
 * @param partsBefore what ran well before: it has to now, and what did not (a missing radio) is nobody's fault
 * @returns undefined where nothing is
 */
export function ailment(
  { parts, portalAnswers, storeWrites }: Vitals,
  partsBefore: readonly string[],
): string | undefined {
  if (!storeWrites) return "the journal cannot be written";
  for (const name of partsBefore) {
    const part = parts.find((one) => one.name === name);
    // A new version may have another name for a part, or none; that it has none of what guests need is found below.
    if (part && !part.isWell) return `${name}: ${part.detail}`.slice(0, 300);
  }
  // Last: where a part is not well that carries it, that is the reason.
  if (portalAnswers !== true) return "the portal does not answer";
  return undefined;
}

/** How long all has to be well without a break. */
const SETTLE_MS = 90_000;

export interface HealthOptions {
  /** After which a box that has not been well for long enough is not going to be. */
  deadlineMs: number;
  settleMs?: number;
}

/** Judges by what is seen again and again: `well` once all has been well for a while, `unwell` when the time is over. */
export class HealthWatch {
  private wellSinceMs: number | undefined;
  private last = "nothing has been seen yet";

  constructor(
    private readonly startedMs: number,
    private readonly options: HealthOptions,
  ) {}

  /** @param what {@link ailment}'s answer */
  see(what: string | undefined, nowMs: number): { judgement: "open" | "well" | "unwell"; reason: string } {
    if (what === undefined) this.wellSinceMs ??= nowMs;
    else {
      this.wellSinceMs = undefined;
      this.last = what;
    }
    const { deadlineMs, settleMs = SETTLE_MS } = this.options;
    if (this.wellSinceMs !== undefined && nowMs - this.wellSinceMs >= settleMs)
      return { judgement: "well", reason: "" };
    if (nowMs - this.startedMs < deadlineMs) return { judgement: "open", reason: what ?? "" };
    return { judgement: "unwell", reason: what ?? `it was not well for long enough: ${this.last}` };
  }
}
