import { uptimeText } from "../../../portal/console/status-page.tsx";
import type { Front } from "./front.ts";
import { consoleText, isLostOnConsole, wrapped } from "./plain-text.ts";

/** The text mode of every screen since VGA; a line is left free, so that nothing scrolls. */
export const COLUMNS = 80;
export const ROWS = 24;

const LABEL_CHARS = 17;
const VALUE_CHARS = COLUMNS - LABEL_CHARS - 2;
const RULE = "-".repeat(COLUMNS - 1);
const MAX_URLS = 4;
const MAX_NETWORKS = 3;
/** A problem is a sentence or two; the card has it whole. */
const MAX_PROBLEM_LINES = 3;

/** How a box that does not answer is doing, as far as can be seen from outside of it. */
export type Silence = "starting" | "gone";

/**
 * What stands on the box's screen: at most {@link ROWS} lines of at most 79 characters, readable across a room.
 * @param isLive false leaves out what changes by the minute, for a serial line that shows each screen below the last
 */
export function screenLines(front: Front, isLive: boolean): string[] {
  const running = isLive ? `up for ${uptimeText(roundedUptime(front.uptimeSeconds))}` : "";
  const fixed = [
    bothEnds(`OMERTA BOX ${front.version}`, running),
    RULE,
    "",
    ...wrapped(shownName(front.name), COLUMNS - 1).slice(0, 2),
    "",
    ...labelled("Open Wi-Fi", networkLines(front, isLive)),
    ...(front.callsForHelp > 0
      ? labelled("CALLS FOR HELP", [`${front.callsForHelp} open: see the operator's page`])
      : []),
    ...labelled("Operator's page", pageLines(front)),
    ...(front.claimCode === undefined
      ? []
      : [
          "",
          ...labelled("CLAIM CODE", [
            front.claimCode,
            "Whoever types it in on the operator's page operates this box.",
          ]),
        ]),
  ];
  const problems = problemLines(front);
  if (problems.length === 0) return fixed.slice(0, ROWS);
  const room = ROWS - fixed.length - 2;
  return [...fixed, "", RULE, ...fitted(problems, room)].slice(0, ROWS);
}

/** The screen of a box whose daemon does not answer. */
export function silentLines(silence: Silence, notes: readonly string[]): string[] {
  const words =
    silence === "starting"
      ? "The box is starting. Its network comes up within a minute or two."
      : "The box's program does not answer. It is started again by itself; if this stays, switch the box off and on.";
  return [
    "OMERTA BOX",
    RULE,
    "",
    ...wrapped(words, COLUMNS - 1),
    ...(notes.length === 0 ? [] : ["", RULE, ...fitted(notes.map(asProblem), ROWS - 8)]),
  ];
}

/** Changes by itself would make a screen flicker: after the first minutes it is told by the minute. */
const roundedUptime = (seconds: number) => seconds - (seconds % (seconds < 60 ? 10 : 60));

function shownName(name: string): string {
  return isLostOnConsole(name) ? "(its name is in letters that this screen has not)" : consoleText(name);
}

function networkLines({ onAir, notOnAir, guests }: Front, isLive: boolean): string[] {
  if (onAir.length === 0)
    return notOnAir === "" ? ["not known"] : wrapped(`none: ${consoleText(notOnAir)}`, VALUE_CHARS);
  const names = onAir.slice(0, MAX_NETWORKS).map((name) => `"${shownName(name)}"`);
  return isLive ? [...names, guests === 1 ? "1 guest" : `${guests} guests`] : names;
}

function pageLines({ consoleUrls }: Front): string[] {
  if (consoleUrls.length === 0) return ["plug in a network cable to reach it"];
  return consoleUrls.slice(0, MAX_URLS).map(consoleText);
}

function problemLines({ configFile, configProblems, troubles }: Front): string[][] {
  const file = configFile?.split("/").at(-1) ?? "omerta.toml";
  return [...configProblems.map((text) => asProblem(`${file}: ${text}`)), ...troubles.map(asProblem)];
}

const asProblem = (text: string): string[] => {
  const lines = wrapped(consoleText(text), COLUMNS - 4);
  const shown = lines.slice(0, MAX_PROBLEM_LINES);
  if (lines.length > shown.length) shown.push(`${(shown.pop() ?? "").slice(0, COLUMNS - 8)}...`);
  return shown.map((line, index) => `${index === 0 ? "! " : "  "}${line}`);
};

/** As many whole problems as there is room for, and how many more there are. */
function fitted(problems: readonly string[][], room: number): string[] {
  const lines: string[] = [];
  for (const [index, problem] of problems.entries()) {
    const left = problems.length - index;
    const needed = problem.length + (left > 1 ? 1 : 0);
    if (lines.length + needed > room) {
      lines.push(`  ... and ${left} more: see omerta-problems.txt on the card`);
      break;
    }
    lines.push(...problem);
  }
  return lines;
}

function labelled(label: string, lines: readonly string[]): string[] {
  return lines.map((line, index) =>
    `${(index === 0 ? label : "").padEnd(LABEL_CHARS)} ${line}`.slice(0, COLUMNS - 1),
  );
}

function bothEnds(left: string, right: string): string {
  return `${consoleText(left)}${right.padStart(COLUMNS - 1 - left.length)}`.trimEnd();
}
