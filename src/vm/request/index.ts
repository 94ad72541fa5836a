export { HeardSerials, nextSerial } from "./heard-serials.ts";
export { decodeLeaseAsk, encodeLeaseAsk, type LeaseAsk, MAX_ASK_BYTES } from "./lease-ask.ts";
export {
  type LeaseCommand,
  LeaseCommandError,
  MAX_COMMAND_BYTES,
  MAX_LEASES_NAMED,
  openLeaseCommand,
  signLeaseCommand,
} from "./lease-command.ts";
export {
  type LeaseEnd,
  type LeaseRequest,
  type LeaseResources,
  type LeaseTunnel,
  MAX_ACTIVITY_CHARS,
  MAX_DURATION_S,
  parseLeaseRequest,
} from "./lease-request.ts";
export { LeaseRequestError } from "./lease-request-error.ts";
export { type JudgingMembership, type MembershipProof, proofOf } from "./membership-proof.ts";
export {
  type AnswerSeal,
  MAX_SEALED_ASK_BYTES,
  openSealedAsk,
  type SealedAsk,
  sealLeaseAsk,
} from "./sealed-ask.ts";
export { MAX_SIGNED_REQUEST_BYTES, openSignedLeaseRequest, signLeaseRequest } from "./signed-request.ts";
