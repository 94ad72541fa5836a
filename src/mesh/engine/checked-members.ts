import type { Member, Passport } from "../../identity/member.ts";
import type { PeerId } from "./engine-interface.ts";

/** Peers of which a checked member is remembered at most. */
const MAX_MEMBERS = 4_096;

/**
 * Whose certificates this node has checked itself since it started. What the gater holds every transport to, also those
 * that bring a peer id without showing certificates.
 */
export class CheckedMembers {
  /** The one checked last at the end. */
  private readonly members = new Map<PeerId, Member>();

  constructor(private readonly passport: Pick<Passport, "isStillMember">) {}

  remember(peer: PeerId, member: Member): void {
    this.members.delete(peer);
    this.members.set(peer, member);
    for (const oldest of this.members.keys()) {
      if (this.members.size <= MAX_MEMBERS) break;
      this.members.delete(oldest);
    }
  }

  /** @returns undefined for one that was not checked, or no longer is a member */
  get(peer: PeerId): Member | undefined {
    const member = this.members.get(peer);
    if (member === undefined) return undefined;
    if (this.passport.isStillMember(member.publicKey)) return member;
    this.members.delete(peer);
    return undefined;
  }
}
