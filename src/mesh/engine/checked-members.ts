import type { Member, Passport } from "../../identity/index.ts";
import type { PeerId } from "./engine-interface.ts";

/** Peers of which a checked member is remembered at most, beside those that are connected. */
const MAX_MEMBERS = 1_024;

interface Checked {
  member: Member;
  chain: Uint8Array;
}

/**
 * Whose certificates this node has checked itself since it started. What the gater holds every transport to, also those
 * that bring a peer id without showing certificates. The certificates are kept: the passport remembers only so many of
 * those that it has checked, for whatever part of the box, and nobody is to lose a connection by what others have shown.
 */
export class CheckedMembers {
  /** The one checked last at the end. */
  private readonly members = new Map<PeerId, Checked>();

  /** @param isConnected of a peer that must not be forgotten for others */
  constructor(
    private readonly passport: Pick<Passport, "check" | "isStillMember">,
    private readonly isConnected: (peer: PeerId) => boolean,
  ) {}

  /** @param chain its certificates, as they were checked */
  remember(peer: PeerId, member: Member, chain: Uint8Array): void {
    this.members.delete(peer);
    this.members.set(peer, { member, chain });
    if (this.members.size <= MAX_MEMBERS) return;
    for (const oldest of this.members.keys()) {
      if (oldest === peer || this.isConnected(oldest)) continue;
      this.members.delete(oldest);
      return;
    }
  }

  /** @returns undefined for one that was not checked, or no longer is a member */
  get(peer: PeerId): Member | undefined {
    const checked = this.members.get(peer);
    if (checked === undefined) return undefined;
    const member = this.stillMember(checked);
    if (member === undefined) this.members.delete(peer);
    return member;
  }

  private stillMember({ member, chain }: Checked): Member | undefined {
    if (this.passport.isStillMember(member.publicKey)) return member;
    try {
      return this.passport.check(chain, member.publicKey);
    } catch {
      return undefined;
    }
  }
}
