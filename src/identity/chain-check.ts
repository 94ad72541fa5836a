import {
  type Certificate,
  CertificateError,
  type Chain,
  decodeChain,
  MAX_CHAIN,
  signedBytes,
} from "./certificate.ts";
import { verify } from "./signing-key.ts";

/** A key as text, to look it up by. */
export const keyText = (key: Uint8Array): string => Buffer.from(key).toString("hex");

export const isSameKey = (a: Uint8Array, b: Uint8Array): boolean => Buffer.from(a).equals(b);

/**
 * Reads a chain and checks all of it that no time and no revocation can change: the network, the signatures, and that nobody
 * has given on more than it was given.
 * @throws {CertificateError}
 */
export function openChain(bytes: Uint8Array, network: Uint8Array): Chain {
  const chain = decodeChain(bytes);
  if (!isSameKey(chain[0].network, network)) throw new CertificateError("chain", "is of another network");
  verifyChain(chain);
  return chain;
}

/** @throws {CertificateError} */
export function verifyChain(chain: Chain): void {
  if (chain.length > MAX_CHAIN) throw new CertificateError("chain", `is longer than ${MAX_CHAIN}`);
  const network = chain[0].network;
  const seen = new Set([keyText(network)]);
  for (const [index, certificate] of chain.entries()) {
    const what = `chain.${index}`;
    const issuer = chain[index + 1];
    if (!isSameKey(certificate.issuer, issuer?.subject ?? network)) {
      throw new CertificateError(`${what}.issuer`, "is not who comes next in the chain");
    }
    if (seen.has(keyText(certificate.subject))) {
      throw new CertificateError(`${what}.subject`, "is twice in the chain");
    }
    seen.add(keyText(certificate.subject));
    if (issuer !== undefined) checkAttenuation(certificate, issuer, what);
    if (!verify(certificate.issuer, signedBytes(certificate), certificate.signature)) {
      throw new CertificateError(`${what}.signature`, "is not its issuer's");
    }
  }
}

function checkAttenuation(child: Certificate, parent: Certificate, what: string): void {
  if (parent.role === "invite") {
    if (child.role !== parent.admits)
      throw new CertificateError(`${what}.role`, "is not what the invite is for");
    // Whoever has the link would settle itself: once, closed and expired would mean nothing.
    if (child.via !== undefined)
      throw new CertificateError(
        `${what}.via`,
        "is for a member to say who may give the role, not for an invite",
      );
  } else {
    const role = child.role === "invite" ? child.admits : child.role;
    if (role === undefined || !parent.grants.includes(role)) {
      throw new CertificateError(`${what}.role`, "is not its issuer's to give");
    }
  }
  if (child.grants.some((grant) => !parent.grants.includes(grant))) {
    throw new CertificateError(`${what}.grants`, "has more than its issuer may give on");
  }
  if (parent.expiresAt !== 0 && (child.expiresAt === 0 || child.expiresAt > parent.expiresAt)) {
    throw new CertificateError(`${what}.expiresAt`, "is later than its issuer's");
  }
}

/** @param nowS seconds since 1970 */
export function hasExpired({ expiresAt }: { expiresAt: number }, nowS: number): boolean {
  return expiresAt !== 0 && expiresAt <= nowS;
}

/** The earlier of two times of expiry, of which 0 is never. */
export function earlierExpiry(a: number, b: number): number {
  return a === 0 || b === 0 ? Math.max(a, b) : Math.min(a, b);
}

/** Somebody who came by an invite, as a chain tells. */
export interface Entry {
  invite: Uint8Array;
  subject: Uint8Array;
  single: boolean;
  /** A box has seen it come, and replaced what the invite signed: closing the invite changes nothing for it. */
  isSettled: boolean;
}

/** Everybody in a chain who came by an invite, the leaf first. */
export function entriesOf(chain: readonly Certificate[]): Entry[] {
  return chain.flatMap((certificate, index): Entry[] => {
    const { subject, via, uses } = certificate;
    if (via !== undefined) return [{ invite: via, subject, single: uses === 1, isSettled: true }];
    const parent = chain[index + 1];
    if (parent?.role !== "invite") return [];
    return [{ invite: parent.subject, subject, single: parent.uses === 1, isSettled: false }];
  });
}

/** Every key that a chain stands on. */
export function keysOf(chain: readonly Certificate[]): Uint8Array[] {
  return chain.flatMap(({ subject, via }) => (via === undefined ? [subject] : [subject, via]));
}
