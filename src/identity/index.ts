export { BackupError, MIN_PASSPHRASE_CHARS } from "./backup.ts";
export { STRICT_CBOR, textProblem } from "./cbor.ts";
export { CertificateError } from "./certificate.ts";
export { type DeviceKey, openDeviceKey } from "./device-key.ts";
export { fingerprint } from "./fingerprint.ts";
export {
  type BootstrapPeer,
  decodeInviteLink,
  INVITE_PREFIX,
  type Invite,
  InviteError,
  MAX_LINK_CHARS,
} from "./invite-link.ts";
export type { KnownInvite } from "./invite-list.ts";
export type { InviteRequest } from "./issuing.ts";
export { mayTellRefusal } from "./may-tell.ts";
export { MAX_CHAIN_BYTES, type Member, type Passport, ROLES, type Role } from "./member.ts";
export { Membership, NotAllowedError } from "./membership.ts";
export { type ImportReport, type JoinOutcome, Memberships } from "./memberships.ts";
export { networkId } from "./network-id.ts";
export { decodeOmertaLink, OMERTA_PREFIX, type OmertaInvite, whyNotOmerta } from "./omerta-link.ts";
export { CHALLENGE_BYTES, InboxChallenges } from "./person/inbox-challenges.ts";
export { checkInboxProof } from "./person/inbox-proof.ts";
export { memberKey, type SigningKey, signingKey, verify } from "./signing-key.ts";
export { MAX_STATEMENT_BYTES, type RevocationKind, StatementError } from "./statement.ts";
