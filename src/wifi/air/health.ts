/** How a service is found to be. */
export type Finding =
  | { is: "well" }
  /** It has been started, and is not there yet. */
  | { is: "starting" }
  /** `silent`: it runs, and does not answer; it will not hear that it is to end either. */
  | { is: "ill"; why: string; silent?: true };

/** What is to be done about it: the program anew; its interfaces too; the radio's driver as well, as if unplugged. */
export type Remedy = "restart" | "remake" | "reset";

/** What is remembered of one service from one look to the next. */
export interface Health {
  state: "starting" | "well" | "ill";
  /** Since when it is in this state. */
  sinceMs: number;
  /** Repairs since it was last well for long. */
  repairs: number;
  /** No repair before this. */
  nextRepairMs: number;
  /** Why it was ill the last time; "" if it never was. */
  why: string;
}

/** An access point of 40 MHz looks for its neighbours first. */
const STARTS_WITHIN_MS = 12_000;
/** What was well for this long is forgiven its repairs: what they mended has gone, and the next fault is another one. */
const FORGIVEN_AFTER_MS = 5_000;
const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 30_000;

export function newHealth(nowMs: number): Health {
  return { state: "starting", sinceMs: nowMs, repairs: 0, nextRepairMs: nowMs, why: "" };
}

/**
 * One look at a service. The first repair comes at once, each further one after twice the wait, and reaches deeper where
 * those before it did not help.
 */
export function lookAt(
  health: Health,
  finding: Finding,
  nowMs: number,
): { health: Health; remedy: Remedy | undefined } {
  if (finding.is === "well") {
    const sinceMs = health.state === "well" ? health.sinceMs : nowMs;
    const isForgiven = nowMs - sinceMs >= FORGIVEN_AFTER_MS;
    return {
      health: { ...health, state: "well", sinceMs, repairs: isForgiven ? 0 : health.repairs },
      remedy: undefined,
    };
  }
  const isLate = health.state === "starting" && nowMs - health.sinceMs >= STARTS_WITHIN_MS;
  if (finding.is === "starting" && !isLate) {
    const isNew = health.state !== "starting";
    return { health: isNew ? { ...health, state: "starting", sinceMs: nowMs } : health, remedy: undefined };
  }
  const why = finding.is === "ill" ? finding.why : "does not start";
  if (nowMs < health.nextRepairMs) {
    const sinceMs = health.state === "ill" ? health.sinceMs : nowMs;
    return { health: { ...health, state: "ill", sinceMs, why }, remedy: undefined };
  }
  const repairs = health.repairs + 1;
  const waitMs = Math.min(FIRST_WAIT_MS * 2 ** (repairs - 1), LONGEST_WAIT_MS);
  return {
    health: { state: "starting", sinceMs: nowMs, repairs, nextRepairMs: nowMs + waitMs, why },
    remedy: remedyOf(repairs),
  };
}

function remedyOf(repairs: number): Remedy {
  if (repairs <= 2) return "restart";
  return repairs % 4 === 0 ? "reset" : "remake";
}

/** After so many repairs an access point is tried with as little as can be asked of a chip. */
export const PLAIN_AFTER_REPAIRS = 3;
