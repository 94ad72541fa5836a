import { isCredible, isTrusted, type Reading, TIME_SOURCES, uncertaintyAt } from "./time-source.ts";

/** What the estimator looks at. Times without `wall` in their name are on the monotonic clock. */
export interface Ground {
  nowMs: number;
  /** What the box's clock says, in ms since 1970. */
  wallMs: number;
  /** When the program was built, in ms since 1970. */
  builtMs: number;
  /** By how much the clock was moved on the word of those who are not trusted, in ms: without them it would say so much less. */
  movedMs: number;
}

/**
 * - `keep`: nothing that is worth more than what is known.
 * - `take`: the clock is right as far as the reading can tell, which is known from now on.
 * - `set`: it is to be set.
 */
export type Step =
  | { kind: "keep" }
  | { kind: "take"; reading: Reading }
  | { kind: "set"; reading: Reading; toMs: number };

/** So little is not worth a jump of the clock. */
const LEAST_JUMP_MS = 2_000;

/**
 * What is to be done about the clock. A worse source never moves a clock that a better one has set, however long ago in this boot.
 * Those that are trusted correct each other, where one is surer now than the other is by now; where they contradict each other, the
 * better source is believed. Phones and radios whose word is not backed move it forward alone, or take back what they have moved
 * themselves.
 * @param standing the reading that the clock follows; undefined for a clock that nothing has told since the boot
 */
export function nextStep(standing: Reading | undefined, readings: readonly Reading[], ground: Ground): Step {
  const { nowMs } = ground;
  const toMs = ({ epochMs }: Reading) => epochMs + nowMs;
  const credible = readings
    .filter((one) => isCredible(one.source, toMs(one), ground.builtMs) && mayMove(one, ground))
    .sort((a, b) => rank(a) - rank(b) || uncertaintyAt(a, nowMs) - uncertaintyAt(b, nowMs));
  const better = credible.find((one) => standing === undefined || isBetter(one, standing, nowMs));
  if (!better) return { kind: "keep" };
  const offMs = Math.abs(toMs(better) - ground.wallMs);
  // The network's time is the clock's already: whoever asks it has set it.
  if (better.source === "network") return { kind: "take", reading: better };
  if (offMs > Math.max(LEAST_JUMP_MS, uncertaintyAt(better, nowMs)))
    return { kind: "set", reading: better, toMs: toMs(better) };
  // What the clock is off by stays.
  return { kind: "take", reading: { ...better, uncertaintyMs: better.uncertaintyMs + offMs } };
}

const rank = ({ source }: Reading): number => TIME_SOURCES.indexOf(source);

function isBetter(one: Reading, standing: Reading, nowMs: number): boolean {
  const [isSure, wasSure] = [isTrusted(one.source), isTrusted(standing.source)];
  if (isSure && wasSure) {
    const [oneMs, otherMs] = [uncertaintyAt(one, nowMs), uncertaintyAt(standing, nowMs)];
    // Both cannot be right, and how sure one says it is proves nothing: a box may say whatever it likes.
    if (Math.abs(one.epochMs - standing.epochMs) > oneMs + otherMs && one.source !== standing.source)
      return rank(one) < rank(standing);
    return oneMs < otherMs;
  }
  if (one.source !== standing.source) return rank(one) < rank(standing);
  // Those who come later have a say only where they are more.
  return (one.voices ?? 1) > (standing.voices ?? 1);
}

/** No time that is not backed goes below what the clock would say by itself, which is no less than at the last shutdown. */
function mayMove(one: Reading, { wallMs, movedMs, nowMs }: Ground): boolean {
  return isTrusted(one.source) || one.epochMs + nowMs >= wallMs - movedMs - uncertaintyAt(one, nowMs);
}
