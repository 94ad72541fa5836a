import { CertificateError, type Membership, type Role } from "../../identity/index.ts";

/** What of a membership of this box is needed to judge another's. */
export type JudgingMembership = Pick<Membership, "id" | "check" | "noteAdmission" | "settle">;

export type MembershipProof =
  | {
      is: "member";
      role: Role;
      /** Certificates that do not end with the invite that the member came by, where this box can give such. */
      settled: Uint8Array | undefined;
    }
  /** @property why in words for the requester: "chain: revoked" */
  | { is: "none"; why: string };

/**
 * Whether certificates make a requester a member of a network of this box now: of that network, in order, neither revoked nor
 * expired, and the requester's own. Who is seen here by an invite is written down as any member that is met: an invite for one
 * is used then, and closing it leaves this one in.
 * @param requester public key, 64 hexadecimal digits, that has signed what the certificates come with
 */
export function proofOf(
  membership: JudgingMembership,
  chain: Uint8Array,
  requester: string,
): MembershipProof {
  try {
    const { role } = membership.check(chain, Uint8Array.from(Buffer.from(requester, "hex")));
    membership.noteAdmission(chain);
    return { is: "member", role, settled: membership.settle(chain) };
  } catch (error) {
    if (error instanceof CertificateError) return { is: "none", why: error.message };
    throw error;
  }
}
