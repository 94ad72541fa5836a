import type { TimeSource } from "./time-source.ts";

/** What is known of the time, for people and for the other parts. */
export interface TimeView {
  /** What the clock says, in ms since 1970. */
  wallMs: number;
  /**
   * `machine`: this box leaves the clock to the machine that it runs on; `none`: nothing has told it the time since it was switched
   * on, and it goes on from what it knew last.
   */
  source: TimeSource | "machine" | "none";
  /** How far off the clock may be; undefined where nobody knows. */
  uncertaintyMs: number | undefined;
  /** Whether anything may be decided by it. */
  isTrusted: boolean;
  /** Of phones and boxes: how many agree. */
  voices: number | undefined;
  /** Phones that have said what time it is. */
  phones: number;
  /** What could not be done; "" where nothing is wrong. */
  trouble: string;
}

/** One or two lines for an operator. */
export function timeText(view: TimeView): string {
  const clock = `${new Date(view.wallMs).toISOString().slice(0, 19).replace("T", " ")} UTC`;
  if (view.source === "none")
    return `${clock}, but nothing has told this box the time since it was switched on: it may be far behind`;
  if (view.source === "machine") return `${clock}, by the clock of the machine that this box runs on`;
  const within = view.uncertaintyMs === undefined ? "" : `, to within ${durationText(view.uncertaintyMs)}`;
  const doubt = view.isTrusted ? "" : "; good enough to read, and nothing is decided by it";
  return `${clock}, from ${sourceText(view.source, view.voices ?? 1)}${within}${doubt}`;
}

/** Whose time it is, in words. */
export function sourceText(source: TimeSource, voices: number): string {
  switch (source) {
    case "network":
      return "the network";
    case "satellites":
      return "satellites, by the LoRa case";
    case "boxes":
      return voices === 1 ? "another box" : `${voices} other boxes that agree`;
    case "radio":
      return "the clock of the LoRa case";
    case "phones":
      return `${voices} phones that agree`;
  }
}

const UNITS = [
  ["day", 86_400_000],
  ["hour", 3_600_000],
  ["minute", 60_000],
  ["second", 1_000],
] as const;

/** Rounded up, in the largest unit of which there is one: "2 seconds". */
function durationText(ms: number): string {
  const [name, unitMs] = UNITS.find(([, unit]) => ms > unit) ?? ["second", 1_000];
  const count = Math.max(1, Math.ceil(ms / unitMs));
  return `${count} ${name}${count === 1 ? "" : "s"}`;
}
