import type { LeaseRequest } from "../request/index.ts";
import { amountText } from "./amounts.ts";
import type { Reason } from "./decision.ts";
import { clockText, secondsUntilLoud, secondsUntilQuiet } from "./quiet-hours.ts";
import type { Case } from "./refusals.ts";

/** Why the box lends nothing to who may have it, for as long as that lasts. Who waits for it keeps nobody else from getting something. */
export interface Hindrance {
  reason: Reason;
  /** Whether a request that has just come may wait for its end; one that waits already always may. */
  isWorthWaiting: boolean;
}

/**
 * What is in the way of any lease like this one, whatever is lent; undefined: nothing. What no morning mends comes first: nobody
 * waits for the end of the quiet hours to be refused then.
 */
export const hindranceOf = (request: LeaseRequest, at: Case): Hindrance | undefined =>
  moreThanThereIs(request, at) ?? quietHours(request, at) ?? needsItself(at);

function quietHours(
  { durationS }: LeaseRequest,
  { policy: { quietHours: span }, source, localMinuteOfDay }: Case,
): Hindrance | undefined {
  // They are the box's own operator's rest.
  if (span === undefined || source.local) return undefined;
  const leftS = secondsUntilQuiet(span, localMinuteOfDay);
  if (durationS <= leftS) return undefined;
  const hours = `from ${clockText(span.from)} to ${clockText(span.to)} of its time`;
  const reason = { code: "quiet-hours", field: "durationS" } as const;
  // A shorter one could be had at once, so this is no time to wait.
  if (leftS > 0) {
    const words = `This box lends nothing ${hours}, which begins in ${Math.floor(leftS / 60)} minutes.`;
    return { reason: { ...reason, words }, isWorthWaiting: false };
  }
  const retryAfterS = Math.ceil(secondsUntilLoud(span, localMinuteOfDay));
  return {
    reason: { ...reason, words: `This box lends nothing ${hours}.`, retryAfterS },
    isWorthWaiting: true,
  };
}

/** Its own work goes first, whoever asks; a machine that began now would only be suspended. */
function needsItself({ state: { needsItself } }: Case): Hindrance | undefined {
  if (needsItself === undefined) return undefined;
  const words = `This box needs itself at the moment: ${needsItself}.`;
  return { reason: { code: "busy", words }, isWorthWaiting: true };
}

/** What there is is measured, and may be less for a while. */
function moreThanThereIs(
  { resources }: LeaseRequest,
  { state: { capability } }: Case,
): Hindrance | undefined {
  for (const kind of ["cpus", "memoryMiB", "diskMiB"] as const) {
    if (resources[kind] <= capability[kind]) continue;
    const field = `resources.${kind}` as const;
    const words = `This box has no more than ${amountText(field, capability[kind])} to lend at the moment.`;
    return { reason: { code: "more-than-there-is", field, words }, isWorthWaiting: false };
  }
  return undefined;
}
