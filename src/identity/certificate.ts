import { type Cbor, decodeCborArray, encodeCbor, type Fields, textProblem } from "./cbor.ts";
import { MAX_CHAIN_BYTES, ROLES, type Role } from "./member.ts";
import { KEY_BYTES, SIGNATURE_BYTES, type SigningKey } from "./signing-key.ts";

/** Certificates that do not hold, or are none. */
export class CertificateError extends Error {
  override readonly name = "CertificateError";
  constructor(
    /** What is wrong: `chain[0].name`, `chain[1].expiresAt`. */
    readonly field: string,
    why: string,
  ) {
    super(`${field}: ${why}`);
  }
}

export const MAX_CHAIN = 4;
export const MAX_NAME_CHARS = 60;

/** What a certificate says before it is signed. */
export interface Claims {
  /** Public key of the network, 32 bytes. */
  network: Uint8Array;
  /** Whose certificate it is, 32 bytes. */
  subject: Uint8Array;
  /** What its subject is. An invite is no member: its key can only certify one more. */
  role: Role | "invite";
  /** Invites only: the role of who joins by it. */
  admits?: Role;
  /** What the issuer calls the subject; may be empty. */
  name: string;
  /** Roles that the subject may certify; in an invite, those that who joins by it may certify. */
  grants: readonly Role[];
  /** How many may join by an invite: 0 any number, 1 one. In what replaces an invite's certificate, the invite's. */
  uses: 0 | 1;
  /** The invite that the subject first came by, where a box has replaced what that invite signed. */
  via?: Uint8Array;
  /** Seconds since 1970 by the issuer's clock, which may be years off: no reason to refuse anything. */
  issuedAt: number;
  /** Seconds since 1970; 0: never. */
  expiresAt: number;
}

export interface Certificate extends Claims {
  /** Who signed it, 32 bytes: the subject of the next certificate in the chain, or the network. */
  issuer: Uint8Array;
  /** Ed25519, 64 bytes. */
  signature: Uint8Array;
}

/** Certificates from a subject's own to the one that the network's key has signed, 1 to {@link MAX_CHAIN}. */
export type Chain = readonly [Certificate, ...Certificate[]];

const DOMAIN = Buffer.from("omerta-box certificate 1\0");
const VERSION = 1;

/** On the wire, whatever the order of {@link ROLES} becomes; an invite's number is 16 more than that of who it admits. */
const ROLE_NUMBERS: Record<Role, number> = { box: 0, person: 1, operator: 2, requester: 3 };
const INVITE = 16;

/** @throws {CertificateError} where the claims say what no certificate may */
export function issueCertificate(issuer: SigningKey, claims: Claims): Certificate {
  checkClaims(claims, "certificate");
  const unsigned = { ...claims, issuer: issuer.publicKey };
  return { ...unsigned, signature: issuer.sign(signedBytes(unsigned)) };
}

/** What is signed. The network and the issuer are in it though the chain does not repeat them. */
export function signedBytes(certificate: Omit<Certificate, "signature">): Uint8Array {
  const { network, issuer } = certificate;
  return Buffer.concat([DOMAIN, encodeCbor([network, ...claimsOf(certificate), issuer])]);
}

/**
 * A chain as deterministic CBOR: `[1, network, certificate, …]`. What can be told from its place (network, issuer) is left out
 * of the certificates, which makes a third less of a QR code.
 * @throws {CertificateError} when it is longer than {@link MAX_CHAIN_BYTES}
 */
export function encodeChain(chain: Chain): Uint8Array {
  const bytes = encodeCbor([VERSION, chain[0].network, ...chain.map(certificateCbor)]);
  if (bytes.length > MAX_CHAIN_BYTES) {
    throw new CertificateError("chain", `${bytes.length} bytes, more than ${MAX_CHAIN_BYTES}`);
  }
  return bytes;
}

/**
 * Reads a chain. Its form is checked, not its signatures: that does `verifyChain`.
 * @throws {CertificateError}
 */
export function decodeChain(bytes: Uint8Array): Chain {
  const error = (field: string, why: string) => new CertificateError(field, why);
  const fields = decodeCborArray(bytes, MAX_CHAIN_BYTES, "chain", error);
  if (fields.uint("version") !== VERSION) throw fields.fail("version", `is not ${VERSION}`);
  const network = fields.bytes("network", KEY_BYTES);
  if (fields.left < 1 || fields.left > MAX_CHAIN) {
    throw error("chain", `has ${fields.left} certificates, not 1 to ${MAX_CHAIN}`);
  }
  const found: Certificate[] = [];
  let issuer = network;
  // From the network's end: each one's issuer is the subject of the one behind it.
  const lists = Array.from({ length: fields.left }, (_, index) => fields.list(String(index), 16));
  for (const list of lists.reverse()) {
    const certificate = readCertificate(list, network, issuer);
    found.unshift(certificate);
    issuer = certificate.subject;
  }
  const [leaf, ...others] = found;
  if (leaf === undefined) throw error("chain", "is empty");
  return [leaf, ...others];
}

/** A certificate without what its place says, for chains and statements. */
export function certificateCbor(certificate: Certificate): Cbor {
  return [...claimsOf(certificate), certificate.signature];
}

/** The other way round. @throws what `fields` throws, and {@link CertificateError} */
export function readCertificate(fields: Fields, network: Uint8Array, issuer: Uint8Array): Certificate {
  const subject = fields.bytes("subject", KEY_BYTES);
  const roles = readRole(fields);
  const name = fields.text("name", MAX_NAME_CHARS);
  const grants = readGrants(fields);
  const uses = fields.uint("uses", 1) === 1 ? 1 : 0;
  const via = fields.bytes("via", 0, KEY_BYTES);
  const issuedAt = fields.uint("issuedAt");
  const expiresAt = fields.uint("expiresAt");
  const signature = fields.bytes("signature", SIGNATURE_BYTES);
  fields.end();
  const claims: Claims = { network, subject, ...roles, name, grants, uses, issuedAt, expiresAt };
  if (via.length > 0) claims.via = via;
  checkClaims(claims, fields.what);
  return { ...claims, issuer, signature };
}

function claimsOf(claims: Claims): Cbor[] {
  const { subject, role, admits, name, grants, uses, via, issuedAt, expiresAt } = claims;
  const number = role === "invite" ? INVITE + ROLE_NUMBERS[admits ?? "box"] : ROLE_NUMBERS[role];
  const mask = grants.reduce((sum, grant) => sum | (1 << ROLE_NUMBERS[grant]), 0);
  return [subject, number, name, mask, uses, via ?? new Uint8Array(0), issuedAt, expiresAt];
}

function readRole(fields: Fields): { role: Role } | { role: "invite"; admits: Role } {
  const number = fields.uint("role", 255);
  const role = ROLES.find((known) => ROLE_NUMBERS[known] === number % INVITE);
  if (role === undefined || number >= 2 * INVITE) throw fields.fail("role", `${number} is not known here`);
  return number >= INVITE ? { role: "invite", admits: role } : { role };
}

function readGrants(fields: Fields): Role[] {
  const mask = fields.uint("grants", 255);
  const grants = ROLES.filter((role) => (mask & (1 << ROLE_NUMBERS[role])) !== 0);
  if (mask >= 1 << ROLES.length) throw fields.fail("grants", `${mask} has roles that are not known here`);
  return grants;
}

/** What no certificate may say, whoever signs it. */
function checkClaims(claims: Claims, what: string): void {
  const fail = (field: string, why: string) => new CertificateError(`${what}.${field}`, why);
  for (const field of ["network", "subject"] as const) {
    if (claims[field].length !== KEY_BYTES) throw fail(field, `is not ${KEY_BYTES} bytes long`);
  }
  const problem = textProblem(claims.name, MAX_NAME_CHARS);
  if (problem !== undefined) throw fail("name", problem);
  if ((claims.role === "invite") !== (claims.admits !== undefined)) throw fail("admits", "is for invites");
  if (claims.via !== undefined && (claims.via.length !== KEY_BYTES || claims.role === "invite")) {
    throw fail("via", "is no invite's key, or in an invite itself");
  }
  if (claims.uses === 1 && claims.role !== "invite" && claims.via === undefined) {
    throw fail("uses", "is for invites");
  }
  for (const field of ["issuedAt", "expiresAt"] as const) {
    if (!Number.isInteger(claims[field]) || claims[field] < 0) throw fail(field, "is no time");
  }
}
