import { expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { encodeChain, issueCertificate } from "../../../../src/identity/certificate.ts";
import { type Membership, type SigningKey, signingKey } from "../../../../src/identity/index.ts";
import { decodeInviteLink } from "../../../../src/identity/invite-link.ts";
import { CheckedMembers } from "../../../../src/mesh/engine/checked-members.ts";
import { peerIdOf } from "../../../../src/mesh/engine/peer-id.ts";
import { inviteBy, openBox } from "../../identity/network.ts";
import { scratchFolders } from "../../scratch.ts";

const folder = scratchFolders();

/** Somebody with an open invite for many makes members up. */
function madeUp(founder: Membership): () => { key: SigningKey; chain: Uint8Array } {
  const invite = decodeInviteLink(inviteBy(founder));
  return () => {
    const key = signingKey(randomBytes(32));
    const issued = { role: "box", name: "", grants: [], uses: 0, issuedAt: 1 } as const;
    const leaf = issueCertificate(invite.key, {
      ...issued,
      network: invite.networkKey,
      subject: key.publicKey,
      expiresAt: invite.expiresAt,
    });
    return { key, chain: encodeChain([leaf, ...invite.chain]) };
  };
}

test("nobody loses a connection by what others have shown to the passport", () => {
  const founder = openBox(folder()).memberships.found("Harbour");
  const friend = openBox(folder()).memberships.join(inviteBy(founder)).membership;
  const members = new CheckedMembers(founder, () => true);
  const peer = peerIdOf(friend.publicKey);
  members.remember(peer, founder.check(friend.chain(), friend.publicKey), friend.chain());
  const make = madeUp(founder);
  let isForgotten = false;
  for (let i = 0; i < 5_000 && !isForgotten; i += 1) {
    const { key, chain } = make();
    founder.check(chain, key.publicKey);
    isForgotten = !founder.isStillMember(friend.publicKey);
  }
  expect(isForgotten).toBe(true);
  expect(members.get(peer)?.publicKey).toEqual(friend.publicKey);
  founder.revoke(friend.publicKey, "out");
  expect(members.get(peer)).toBeUndefined();
}, 20_000);

test("of 1,024 that are remembered the one checked longest ago is forgotten first, but none that is connected", () => {
  const connected = new Set(["p0"]);
  const passport = {
    check: () => {
      throw new Error("unknown");
    },
    isStillMember: () => true,
  };
  const members = new CheckedMembers(passport, (peer) => connected.has(peer));
  for (let i = 0; i < 1_100; i += 1) {
    const member = { publicKey: Uint8Array.of(i), role: "box", name: "", grants: [], expiresAt: 0 } as const;
    members.remember(`p${i}`, member, new Uint8Array());
  }
  const known = (i: number) => members.get(`p${i}`) !== undefined;
  expect([known(0), known(1), known(76), known(77), known(1_099)]).toEqual([true, false, false, true, true]);
});
