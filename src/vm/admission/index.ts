export { admit, type Circumstances } from "./admit.ts";
export type { Decision, JournalNote, Reason, ReasonCode } from "./decision.ts";
export type { LeaseLimits, Policy, PolicyRule } from "./policy.ts";
export { policyOf } from "./policy-of-config.ts";
export { reputationOf } from "./reputation.ts";
export { type SeenOfOne, SeenRequests } from "./seen-requests.ts";
export {
  type AdmissionState,
  type Capability,
  type LiveLease,
  type Source,
  UNKNOWN_REPUTATION,
  type WaitingRequest,
  type WaitsFor,
} from "./state.ts";
