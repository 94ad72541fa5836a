import { textProblem } from "./cbor.ts";
import {
  type Certificate,
  type Chain,
  issueCertificate,
  MAX_CHAIN,
  MAX_NAME_CHARS,
  signedBytes,
} from "./certificate.ts";
import { earlierExpiry, hasExpired } from "./chain-check.ts";
import { type BootstrapPeer, type Invite, InviteError } from "./invite-link.ts";
import { ROLES, type Role } from "./member.ts";
import type { SigningKey } from "./signing-key.ts";

/** Who certifies: the network's own key, with no certificates, or a member with its own. */
export interface Issuer {
  network: Uint8Array;
  key: SigningKey;
  chain: readonly Certificate[];
}

export interface InviteRequest {
  /** What who joins will be. */
  role: Role;
  /** 0: any number may join by it; 1: one. */
  uses: 0 | 1;
  /** Seconds from now until which it can be used; 0: for as long as this box may invite. */
  expiresS: number;
  /** Boxes to begin with, at most 8; usually this one first. */
  peers: readonly BootstrapPeer[];
  /** Roles that who joins may certify in turn. Default none. */
  grants?: readonly Role[];
  /** What the invite is called in certificates; at most 60 characters. Default none. */
  name?: string;
}

/** What whoever founds a network may certify, and so hand on. */
export const FOUNDER_GRANTS: readonly Role[] = ROLES;

/** The roles that an issuer may certify, `length` certificates further down. */
export function mayCertify({ chain }: Issuer, length: number): readonly Role[] {
  const [leaf] = chain;
  if (leaf === undefined) return ROLES;
  return chain.length + length <= MAX_CHAIN ? leaf.grants : [];
}

/** The first certificate of a network: that of its founder's box. */
export function foundChain(
  network: SigningKey,
  member: Uint8Array,
  name: string,
  nowS: number,
): [Certificate] {
  return [
    issueCertificate(network, {
      network: network.publicKey,
      subject: member,
      role: "box",
      name,
      grants: FOUNDER_GRANTS,
      uses: 0,
      issuedAt: nowS,
      expiresAt: 0,
    }),
  ];
}

/** @throws {InviteError} naming what the issuer may not give */
export function inviteChain(
  issuer: Issuer,
  inviteKey: Uint8Array,
  request: InviteRequest,
  nowS: number,
): Chain {
  const { role, grants = [], uses, expiresS, name = "" } = request;
  // An invite, and then who joins by it.
  const allowed = mayCertify(issuer, 2);
  if (!allowed.includes(role)) throw new InviteError("role", notAllowed(issuer, role));
  for (const grant of grants) {
    if (!allowed.includes(grant)) throw new InviteError("grants", notAllowed(issuer, grant));
  }
  if (!Number.isInteger(expiresS) || expiresS < 0) {
    throw new InviteError("expiresS", `${expiresS} is no number of seconds`);
  }
  const problem = textProblem(name, MAX_NAME_CHARS);
  if (problem !== undefined) throw new InviteError("name", problem);
  const certificate = issueCertificate(issuer.key, {
    network: issuer.network,
    subject: inviteKey,
    role: "invite",
    admits: role,
    name,
    grants,
    uses,
    issuedAt: nowS,
    expiresAt: earlierExpiry(expiresS === 0 ? 0 : nowS + expiresS, issuer.chain[0]?.expiresAt ?? 0),
  });
  return [certificate, ...issuer.chain];
}

function notAllowed({ chain }: Issuer, role: Role): string {
  const [leaf] = chain;
  return leaf?.grants.includes(role)
    ? `this box is ${chain.length} certificates away from the network's own key; no more than ${MAX_CHAIN} hold`
    : `this box may not invite as ${role}`;
}

/** What a box certifies for somebody who is there. */
export interface Admitted {
  role: Role;
  /** At most 60 characters; may be empty. */
  name: string;
  /** Seconds from now; 0: for as long as the issuer's own certificate. */
  expiresS: number;
}

/** @throws {InviteError} naming what the issuer may not give */
export function admitChain(
  issuer: Issuer,
  subject: Uint8Array,
  { role, name, expiresS }: Admitted,
  nowS: number,
): Chain {
  if (!mayCertify(issuer, 1).includes(role)) throw new InviteError("role", notAllowed(issuer, role));
  const problem = textProblem(name, MAX_NAME_CHARS);
  if (problem !== undefined) throw new InviteError("name", problem);
  const certificate = issueCertificate(issuer.key, {
    network: issuer.network,
    subject,
    role,
    name,
    grants: [],
    uses: 0,
    issuedAt: nowS,
    expiresAt: earlierExpiry(expiresS === 0 ? 0 : nowS + expiresS, issuer.chain[0]?.expiresAt ?? 0),
  });
  return [certificate, ...issuer.chain];
}

/** What who joins certifies for itself with the invite's key: nobody else is needed. */
export function joinChain(
  { key, chain, role, grants, networkKey, expiresAt }: Invite,
  member: Uint8Array,
  name: string,
  nowS: number,
): Chain {
  const certificate = issueCertificate(key, {
    network: networkKey,
    subject: member,
    role,
    name,
    grants,
    uses: 0,
    issuedAt: nowS,
    expiresAt,
  });
  return [certificate, ...chain];
}

/**
 * Replaces what an invite has signed by a certificate of the issuer's own, which does not end with the invite.
 * @returns undefined where the issuer can give nothing better
 */
export function settledChain(issuer: Issuer, chain: Chain, nowS: number): Chain | undefined {
  const [leaf, invite] = chain;
  const allowed = mayCertify(issuer, 1);
  if (invite?.role !== "invite" || leaf.role === "invite") return undefined;
  if (![leaf.role, ...leaf.grants].every((role) => allowed.includes(role))) return undefined;
  const expiresAt = issuer.chain[0]?.expiresAt ?? 0;
  if (hasExpired({ expiresAt }, nowS) || earlierExpiry(expiresAt, leaf.expiresAt) !== leaf.expiresAt) {
    return undefined;
  }
  const { network, subject, role, name, grants } = leaf;
  const claims = { network, subject, role, name, grants, expiresAt, issuedAt: nowS };
  return [
    issueCertificate(issuer.key, { ...claims, uses: invite.uses, via: invite.subject }),
    ...issuer.chain,
  ];
}

/** Whether a chain gives all that another of the same subject does, for as long. */
export function isNoLess([a]: Chain, [b]: Chain): boolean {
  return (
    a.role === b.role &&
    b.grants.every((grant) => a.grants.includes(grant)) &&
    earlierExpiry(a.expiresAt, b.expiresAt) === b.expiresAt
  );
}

/** Whether two chains differ at most in when the leaf was signed: the same invite used once more. */
export function isSameButForTime([a, ...restA]: Chain, [b, ...restB]: Chain): boolean {
  const [bytesA, bytesB] = [a, { ...b, issuedAt: a.issuedAt }].map(signedBytes);
  const isSame = bytesA !== undefined && bytesB !== undefined && Buffer.from(bytesA).equals(bytesB);
  return (
    isSame &&
    restA.length === restB.length &&
    restA.every(({ signature }, n) => {
      const other = restB[n]?.signature;
      return other !== undefined && Buffer.from(signature).equals(other);
    })
  );
}
