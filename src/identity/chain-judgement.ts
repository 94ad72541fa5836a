import { CertificateError, type Chain } from "./certificate.ts";
import { entriesOf, hasExpired } from "./chain-check.ts";
import { standsOn } from "./hearing.ts";
import type { Member } from "./member.ts";
import { entryProblem, type Standing } from "./standing.ts";

/** Why certificates do not hold now, in words, or undefined. @param nowS seconds since 1970 */
export function chainProblem(chain: Chain, standing: Standing, nowS: number): string | undefined {
  const revoked = standsOn(chain, standing.out);
  if (revoked !== undefined) return `revoked${because(revoked.why)}`;
  // Attenuation sees to it that nothing in a chain ends before its leaf.
  if (hasExpired(chain[0], nowS)) {
    return `expired at ${new Date(chain[0].expiresAt * 1_000).toISOString()}`;
  }
  for (const entry of entriesOf(chain)) {
    const problem = entryProblem(entry, standing);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

/** @throws {CertificateError} when the chain is an invite's */
export function memberOf([{ subject, role, name, grants, expiresAt }]: Chain): Member {
  if (role === "invite") throw new CertificateError("chain.0.role", "an invite is no member");
  return { publicKey: subject, role, name, grants, expiresAt };
}

export const because = (why: string | undefined): string =>
  why === undefined || why === "" ? "" : `: ${why}`;
