import type { LeaseRequest } from "../request/index.ts";
import { type Decision, noteOf, type Reason } from "./decision.ts";
import { hindranceOf } from "./hindrance.ts";
import { inForce, type LeaseLimits, type Policy } from "./policy.ts";
import { type Case, hasWaited, refusalOf } from "./refusals.ts";
import { makeRoom, roomAtMs } from "./room.ts";
import { standingOf } from "./standing.ts";
import type { AdmissionState, Source, WaitsFor } from "./state.ts";

export interface Circumstances {
  policy: Policy;
  state: AdmissionState;
  source: Source;
  /** ms since 1970 by the box's clock, as in the state. */
  nowMs: number;
  /** Minutes since midnight by the box's local time, may have a fraction. */
  localMinuteOfDay: number;
  /** The operator was asked and said yes. */
  approved?: boolean;
}

const TOO_MANY = "Too many wait already.";

/**
 * Decides on a request that was opened, so that it holds and is its requester's. The same request in the same circumstances has
 * always the same answer, and nothing is changed by asking.
 *
 * A request that waits is asked about anew whenever something has changed, with itself among `state.waiting`, those that have waited
 * longest first. The box's own operator is held to what there is and to the limits, not to the rules for others.
 */
export function admit(request: LeaseRequest, circumstances: Circumstances): Decision {
  const { policy, source } = circumstances;
  const standing = standingOf(request, source, policy);
  // Demo mode is for others.
  const at: Case = { ...circumstances, standing, ...(source.local ? policy : inForce(policy)) };
  const { priority, rule } = standing;

  const refused = (reason: Reason): Decision => {
    const journal = noteOf(request, source, "deny", { priority, rule, reason });
    return { kind: "deny", reason, journal };
  };
  const waits = (waitsFor: WaitsFor, reason: Reason): Decision => {
    const kind = waitsFor === "operator" ? "ask" : "queue";
    if (isFull(request, at))
      return refused(waitsFor === "host" ? reason : { ...reason, code: "busy", words: TOO_MANY });
    const journal = noteOf(request, source, kind, { priority, rule, reason });
    return { kind, priority, waitsFor, reason, journal };
  };

  const refusal = refusalOf(request, at);
  if (refusal !== undefined) return refused(refusal);
  const hindrance = hindranceOf(request, at);
  if (hindrance && !hindrance.isWorthWaiting && !hasWaited(request, at)) return refused(hindrance.reason);
  if (standing.verdict === "ask" && circumstances.approved !== true) {
    return waits("operator", { code: "operator", words: "The operator of this box is asked." });
  }
  if (hindrance) return waits("host", hindrance.reason);
  const displaces = isAnybodyAhead(request, at) ? undefined : roomFor(request, at);
  if (displaces === undefined) return waits("room", busy(request, at));
  const limits = grantedOf(request, at.limits);
  const journal = noteOf(request, source, "allow", { priority, rule, limits, displaces });
  return { kind: "allow", priority, limits, displaces, journal };
}

const roomFor = ({ resources }: LeaseRequest, { standing, state, counts }: Case): string[] | undefined =>
  makeRoom(resources, standing.priority, state.capability, state.live, counts.atOnce);

/** Nobody is passed by who came later and is worth no more, or a large request would wait for ever. */
function isAnybodyAhead({ id }: LeaseRequest, { standing: { priority }, state: { waiting } }: Case): boolean {
  const own = waiting.findIndex((one) => one.id === id);
  const before = (index: number) => own === -1 || index < own;
  return waiting.some(
    (one, index) =>
      one.for === "room" &&
      one.id !== id &&
      (one.priority > priority || (one.priority === priority && before(index))),
  );
}

const isFull = ({ id }: LeaseRequest, { state, counts }: Case): boolean =>
  state.waiting.filter((one) => one.id !== id).length >= counts.waiting;

function busy(request: LeaseRequest, at: Case): Reason {
  const { state, counts, nowMs } = at;
  const words = "All that this box lends is lent.";
  const freeMs = roomAtMs(request.resources, state.capability, state.live, counts.atOnce);
  if (freeMs === undefined || isAnybodyAhead(request, at)) return { code: "busy", words };
  return { code: "busy", words, retryAfterS: Math.max(0, Math.ceil((freeMs - nowMs) / 1_000)) };
}

/** What was asked for, which is within the limits; and the limits where nothing was. */
function grantedOf({ resources, durationS }: LeaseRequest, limits: LeaseLimits): LeaseLimits {
  const { cpus, memoryMiB, diskMiB, upKbit, downKbit } = resources;
  return {
    ...{ cpus, memoryMiB, diskMiB, durationS },
    upKbit: upKbit ?? limits.upKbit,
    downKbit: downKbit ?? limits.downKbit,
    connectionsPerS: limits.connectionsPerS,
  };
}
