import type { Outcome, UpdateState } from "./update-state.ts";
import { isProving, type Running } from "./update-step.ts";

/** What an operator sees of updates. */
export interface UpdateView {
  slot: "A" | "B";
  version: string;
  /** How the system that runs came to be started; `trial`: it goes back unless it is found well. */
  start: Running["start"];
  isProving: boolean;
  stage: UpdateState["stage"];
  isHeld: boolean;
  /** What is to be installed, and why not yet. */
  next: { version: string; from: string; waitsFor: string } | undefined;
  /** What is being fetched. */
  fetching: { from: string; goodBytes: number; bytes: number } | undefined;
  /** Something that has come is being looked through. */
  isChecking: boolean;
  /** What is in the other slot, and whether it was ever found good. */
  other: { version: string; isGood: boolean };
  /** The newest first. */
  outcomes: readonly Outcome[];
  /** The last bundle that was refused, and why. */
  refusal: string;
  neighbours: readonly { name: string; version: string; has: readonly string[] }[];
}

/** What runs, why, and what comes next, in sentences; the first two belong on every page. */
export function updateText(view: UpdateView): string[] {
  const { slot, version, isProving: isOnTrial, outcomes, next, fetching, other, refusal, isHeld } = view;
  const [last] = outcomes;
  return [
    `Version ${version || "unknown"} runs, in slot ${slot}${isOnTrial ? ", on trial: unless all is well soon the one before comes back" : ""}.`,
    ...(last && !isOnTrial ? [outcomeText(last)] : []),
    ...(view.start === "fallback" ? ["It was started because the other system does not start."] : []),
    ...(fetching
      ? [
          `Fetching from ${fetching.from}: ${percent(fetching.goodBytes, fetching.bytes)} % of ${mib(fetching.bytes)} MiB.`,
        ]
      : []),
    ...(view.isChecking ? ["A bundle that has come is being looked through."] : []),
    ...(next
      ? [`Next: version ${next.version}, from ${next.from}; ${stageText(view.stage, next.waitsFor)}.`]
      : []),
    ...(isHeld ? ["Nothing is installed until it is released (omerta-box update release)."] : []),
    other.version === ""
      ? `In slot ${slot === "A" ? "B" : "A"} there is nothing that could run.`
      : `In slot ${slot === "A" ? "B" : "A"} there is version ${other.version}${other.isGood ? "" : ", which has not been found good"}.`,
    ...(refusal === "" ? [] : [`Refused: ${refusal}.`]),
  ];
}

/** What of it everybody who stands before the box is to know: that it is on trial, or has gone back by itself. */
export function updateNotes(view: UpdateView | undefined): string[] {
  if (view === undefined) return [];
  const [last] = view.outcomes;
  if (view.isProving) return [`version ${view.version} is on trial in slot ${view.slot}`];
  return last && ["went-back", "fell-back"].includes(last.kind) ? [outcomeText(last)] : [];
}

export function outcomeText({ kind, version, before, slot, reason }: Outcome): string {
  const was = before === "" ? "an unknown version" : `version ${before}`;
  switch (kind) {
    case "updated":
      return `It replaced ${was}.`;
    case "went-back":
      return `Version ${version} was tried and given up, and slot ${slot} with ${was} came back: ${reason}.`;
    case "fell-back":
      return `Slot ${slot} with version ${version} was started in place of ${was}: ${reason}.`;
    case "failed":
      return `Version ${version} could not be installed: ${reason}.`;
    case "refused":
      return `Version ${version} was refused: ${reason}.`;
  }
}

function stageText(stage: UpdateState["stage"], waitsFor: string): string {
  if (stage === "installing") return "it is being installed";
  if (stage === "trying") return "the box is about to restart with it";
  const begun =
    stage === "installed"
      ? "it is installed, and the box restarts with it when it may"
      : "it is here and checked";
  return waitsFor === "" ? begun : `${begun}; it waits: ${waitsFor}`;
}

const percent = (part: number, whole: number): number => Math.floor((100 * part) / Math.max(1, whole));
const mib = (bytes: number): string => (bytes / 1024 ** 2).toFixed(1);

/** @param waitsFor why the next step may not be taken; "" where nothing speaks against it */
export function updateView(
  state: UpdateState,
  running: Running,
  rest: Pick<UpdateView, "fetching" | "refusal" | "neighbours" | "isChecking"> & {
    waitsFor: string;
    isOtherGood: boolean;
  },
): UpdateView {
  const { candidate, stage, outcomes, isHeld, versions } = state;
  const { fetching, refusal, neighbours, isChecking, waitsFor, isOtherGood } = rest;
  return {
    slot: running.slot,
    version: running.version,
    start: running.start,
    isProving: isProving(state, running),
    stage,
    isHeld,
    next:
      candidate && !isProving(state, running)
        ? { version: candidate.version, from: candidate.from, waitsFor }
        : undefined,
    fetching,
    isChecking,
    other: { version: versions[running.slot === "A" ? "B" : "A"] ?? "", isGood: isOtherGood },
    outcomes,
    refusal,
    neighbours,
  };
}
