import type {
  AdmissionState,
  Circumstances,
  LiveLease,
  Policy,
  PolicyRule,
  Source,
  WaitingRequest,
} from "../../../../src/vm/admission/index.ts";
import type { LeaseRequest } from "../../../../src/vm/request/index.ts";
import { fixedRequest } from "../request/fixed-request.ts";

export const NETWORK = "0123456789abcdef";
export const NOW_MS = 1_790_000_000_000;
export const NOON = 12 * 60;

/** The id of the request, lease or requester with a number: they differ in their first digits. */
export const idOf = (number: number): string => number.toString(16).padStart(8, "0").padEnd(32, "0");
export const keyOf = (number: number): string => idOf(number).repeat(2);

export const policy = (rest: Partial<Policy> = {}): Policy => ({
  accept: "members",
  rules: [],
  blocked: [],
  priorities: { local: 100, member: 50, stranger: 10 },
  limits: {
    ...{ cpus: 2, memoryMiB: 1_024, diskMiB: 4_096, durationS: 3_600 },
    ...{ upKbit: 10_000, downKbit: 20_000, connectionsPerS: 50 },
  },
  counts: { atOnce: 4, perRequester: 4, perSource: 4, waiting: 4 },
  quietHours: undefined,
  activity: { minChars: 0, refused: [] },
  operatorsInspect: false,
  demo: undefined,
  ...rest,
});

export const rule = (rest: Partial<PolicyRule>): PolicyRule => ({
  ...{ requester: undefined, network: undefined, source: undefined, priority: undefined },
  reputation: { least: 0, most: 100 },
  verdict: "deny",
  ...rest,
});

export const state = (rest: Partial<AdmissionState> = {}): AdmissionState => ({
  capability: { cpus: 4, memoryMiB: 2_048, diskMiB: 8_192, images: ["debian-12", "small"] },
  live: [],
  waiting: [],
  seen: { has: () => false },
  ...rest,
});

export const member: Source = { address: "192.0.2.9", local: false, networks: [NETWORK], reputation: 50 };
export const stranger: Source = { ...member, networks: [] };
export const local: Source = { address: undefined, local: true, networks: [], reputation: 50 };

export const lease = (number: number, rest: Partial<LiveLease> = {}): LiveLease => ({
  ...{ id: idOf(number), requester: keyOf(number), priority: 10, sourceAddress: "198.51.100.1" },
  ...{ cpus: 1, memoryMiB: 256, diskMiB: 1_024, startedMs: NOW_MS - 60_000, endsMs: NOW_MS + 60_000 },
  ...rest,
});

export const waiting = (number: number, rest: Partial<WaitingRequest> = {}): WaitingRequest => ({
  ...{ id: idOf(number), requester: keyOf(number), priority: 10, sourceAddress: "198.51.100.2", for: "room" },
  ...rest,
});

/** Of a member where nothing is said of a network, small enough for every limit. */
export const request = (rest: Partial<LeaseRequest> = {}): LeaseRequest =>
  fixedRequest({ network: NETWORK, ...rest });

export const circumstances = (rest: Partial<Circumstances> = {}): Circumstances => ({
  policy: policy(),
  state: state(),
  source: member,
  nowMs: NOW_MS,
  localMinuteOfDay: NOON,
  ...rest,
});
