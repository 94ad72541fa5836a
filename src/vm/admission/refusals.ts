import { leaseNames } from "../guest-link.ts";
import type { LeaseRequest } from "../request/index.ts";
import { charsOf, refusedWord } from "./activity.ts";
import { type AmountField, amountText } from "./amounts.ts";
import type { Reason } from "./decision.ts";
import type { LeaseCounts, LeaseLimits, Policy } from "./policy.ts";
import { isSamePlace, type Standing } from "./standing.ts";
import type { AdmissionState, Source } from "./state.ts";

/** Everything that a decision depends on besides the request. */
export interface Case {
  policy: Policy;
  /** Of the policy, what is in force for this requester. */
  limits: LeaseLimits;
  counts: LeaseCounts;
  state: AdmissionState;
  source: Source;
  standing: Standing;
  nowMs: number;
  localMinuteOfDay: number;
}

type Refusal = (request: LeaseRequest, at: Case) => Reason | undefined;

/** The box's own operator is not asked these. */
const OF_OTHERS: readonly Refusal[] = [
  blocked,
  noMember,
  notAccepted,
  noDescription,
  refusedDescription,
  inspection,
  ofOneRequester,
  fromOnePlace,
];
const OF_ALL: readonly Refusal[] = [replay, idTaken, noImage, overLimit];

/** Why a request is refused whatever else is lent at the moment; undefined: it is not. */
export function refusalOf(request: LeaseRequest, at: Case): Reason | undefined {
  const checks = at.source.local ? OF_ALL : [...OF_OTHERS, ...OF_ALL];
  for (const check of checks) {
    const reason = check(request, at);
    if (reason !== undefined) return reason;
  }
  return undefined;
}

function blocked({ requester }: LeaseRequest, { policy }: Case): Reason | undefined {
  if (!policy.blocked.includes(requester)) return undefined;
  return { code: "blocked", field: "requester", words: "The operator of this box lends you nothing." };
}

function noMember({ network }: LeaseRequest, { source }: Case): Reason | undefined {
  if (network === undefined || source.networks.includes(network)) return undefined;
  return {
    code: "no-member",
    field: "network",
    words: `You have not shown that you are a member of ${network}.`,
  };
}

function notAccepted(_: LeaseRequest, { policy, standing }: Case): Reason | undefined {
  if (standing.verdict !== "deny") return undefined;
  if (standing.rule !== undefined) {
    return { code: "rule", field: "requester", words: `Rule ${standing.rule + 1} of this box refuses you.` };
  }
  const words =
    policy.accept === "members" ? "This box lends to members of its networks." : "This box lends to nobody.";
  return { code: "not-accepted", field: "requester", words };
}

function noDescription({ activity }: LeaseRequest, { policy }: Case): Reason | undefined {
  const { minChars } = policy.activity;
  if (charsOf(activity) >= minChars) return undefined;
  const words = `This box wants to know in ${minChars} characters or more what the machine is for.`;
  return { code: "no-description", field: "activity", words };
}

function refusedDescription({ activity }: LeaseRequest, { policy }: Case): Reason | undefined {
  const word = refusedWord(activity, policy.activity.refused);
  if (word === undefined) return undefined;
  return { code: "refused-description", field: "activity", words: `This box lends nothing for "${word}".` };
}

function inspection({ acceptsInspection }: LeaseRequest, { policy }: Case): Reason | undefined {
  if (acceptsInspection || !policy.operatorsInspect) return undefined;
  const words = "The operators of this box may look inside its machines, and you have not agreed to it.";
  return { code: "inspection", field: "acceptsInspection", words };
}

function ofOneRequester({ id, requester }: LeaseRequest, { counts, state }: Case): Reason | undefined {
  const theirs = [...state.live, ...state.waiting].filter(
    (one) => one.requester === requester && one.id !== id,
  );
  if (theirs.length < counts.perRequester) return undefined;
  const words = `You have ${theirs.length} leases and requests here, and ${counts.perRequester} is the most.`;
  return { code: "too-many", field: "requester", words };
}

function fromOnePlace(
  { id }: LeaseRequest,
  { counts, state, source: { address } }: Case,
): Reason | undefined {
  if (address === undefined) return undefined;
  const all = [...state.live, ...state.waiting].filter((one) => one.id !== id);
  const fromThere = all.filter(({ sourceAddress }) => isSamePlace(sourceAddress, address));
  if (fromThere.length < counts.perSource) return undefined;
  const words = `From your address there are ${fromThere.length} leases and requests here, and ${counts.perSource} is the most.`;
  return { code: "too-many", field: "source", words };
}

/** Whether a request is asked about anew, which has waited. */
export const hasWaited = ({ id, requester }: LeaseRequest, { state }: Case): boolean =>
  state.waiting.some((one) => one.id === id && one.requester === requester);

function replay(request: LeaseRequest, at: Case): Reason | undefined {
  const { live, seen } = at.state;
  const isLive = live.some(({ id }) => id === request.id);
  if (!isLive && (hasWaited(request, at) || !seen.has(request))) return undefined;
  const words = "This request, or a later one of yours, was here before: make a new one.";
  return { code: "replay", field: "id", words };
}

/** Names on the host are made of the beginning of an id. */
function idTaken(request: LeaseRequest, at: Case): Reason | undefined {
  const { domain } = leaseNames(request.id);
  const others = [...at.state.live, ...at.state.waiting].filter(
    ({ id, requester }) => id !== request.id || requester !== request.requester,
  );
  if (!others.some(({ id }) => leaseNames(id).domain === domain)) return undefined;
  return { code: "id-taken", field: "id", words: "Another lease has this id, or one that begins like it." };
}

function noImage({ image }: LeaseRequest, { state }: Case): Reason | undefined {
  const { images } = state.capability;
  if (images.includes(image)) return undefined;
  const has = images.length === 0 ? "none" : images.join(", ");
  return { code: "no-image", field: "image", words: `This box has no image ${image}; it has ${has}.` };
}

function overLimit({ resources, durationS }: LeaseRequest, { limits }: Case): Reason | undefined {
  const asked: readonly [AmountField, number | undefined, number | undefined][] = [
    ["resources.cpus", resources.cpus, limits.cpus],
    ["resources.memoryMiB", resources.memoryMiB, limits.memoryMiB],
    ["resources.diskMiB", resources.diskMiB, limits.diskMiB],
    ["resources.upKbit", resources.upKbit, limits.upKbit],
    ["resources.downKbit", resources.downKbit, limits.downKbit],
    ["durationS", durationS, limits.durationS],
  ];
  for (const [field, wanted, most] of asked) {
    if (wanted === undefined || most === undefined || wanted <= most) continue;
    return { code: "over-limit", field, words: `A lease gets at most ${amountText(field, most)} here.` };
  }
  return undefined;
}
