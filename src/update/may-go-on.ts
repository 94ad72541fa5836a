import type { UpdateConfig } from "../config/index.ts";

/** What stands around an installation, or a restart for one. */
export interface Surroundings {
  isHeld: boolean;
  /** The operator has said that it is to be now. */
  isAsked: boolean;
  /** Calls for help that are open, or that somebody is dealing with. */
  openSos: number;
  /** What the box's sensors say; undefined where there are none. */
  power: "mains" | "battery" | "low" | undefined;
  /** By the box's clock. */
  utcHour: number;
  /** Whether that clock has been set since it started, by somebody to be trusted: without, no window can be kept to. */
  isClockKnown: boolean;
  /** Why this board cannot try a system; undefined where it can. */
  unable: string | undefined;
}

/**
 * Whether the next step of an update may be taken now.
 * @returns why not, in words that follow "waits: "; undefined: it may
 */
export function whyNotYet(
  { isHeld, isAsked, openSos, power, utcHour, isClockKnown, unable }: Surroundings,
  config: Pick<UpdateConfig, "install" | "window_from" | "window_until">,
): string | undefined {
  if (unable !== undefined) return unable;
  // Nothing goes before it, not even an operator who did not look.
  if (openSos > 0) return openSos === 1 ? "a call for help is open" : `${openSos} calls for help are open`;
  if (power === "low") return "there is too little power: it could end in the middle";
  if (isHeld) return "the operator holds it back";
  if (isAsked || config.install === "any-time") return undefined;
  if (config.install === "asked") return "the operator has to say so (omerta-box update install)";
  if (!isClockKnown) return "the box does not know what time it is, and so not when its window is";
  if (isWithin(utcHour, config.window_from, config.window_until)) return undefined;
  return `its window is from ${config.window_from} to ${config.window_until} o'clock UTC`;
}

/** A window may go over midnight; one whose ends are the same is the whole day. */
function isWithin(hour: number, from: number, until: number): boolean {
  if (from === until) return true;
  return from < until ? hour >= from && hour < until : hour >= from || hour < until;
}
