import { describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import {
  type Claims,
  decodeChain,
  encodeChain,
  issueCertificate,
} from "../../../src/identity/certificate.ts";
import type { Membership } from "../../../src/identity/index.ts";
import { decodeInviteLink } from "../../../src/identity/invite-link.ts";
import { signingKey } from "../../../src/identity/signing-key.ts";
import { signStatement } from "../../../src/identity/statement.ts";
import { FakeClock } from "../fake-clock.ts";
import { scratchFolders } from "../scratch.ts";
import { DAY_S, inviteBy, meet, openBox } from "./network.ts";

const scratch = scratchFolders();
const found = (clock = new FakeClock()) => openBox(scratch(), clock).memberships.found("Harbour", "quay");
const join = (link: string, clock = new FakeClock()) =>
  openBox(scratch(), clock).memberships.join(link).membership;
const anyKey = () => signingKey(Uint8Array.from(randomBytes(32)));

/** What a program of somebody's own can make of a link. */
function madeBy(link: string, claims: Partial<Claims> = {}) {
  const invite = decodeInviteLink(link);
  const key = anyKey();
  const certificate = issueCertificate(invite.key, {
    network: invite.networkKey,
    subject: key.publicKey,
    role: invite.role,
    name: "",
    grants: [],
    uses: 0,
    issuedAt: 1,
    expiresAt: invite.expiresAt,
    ...claims,
  });
  return { key, chain: encodeChain([certificate, ...invite.chain]) };
}

const via = () => ({ via: Uint8Array.from(randomBytes(32)) });

describe("who holds an invite and settles itself", () => {
  const refused = (by: Membership, link: string) => {
    const { key, chain } = madeBy(link, via());
    expect(() => by.check(chain, key.publicKey)).toThrow("chain.0.via");
  };

  test("is refused where the invite is for one", () => {
    const founder = found();
    const link = inviteBy(founder, { uses: 1 });
    meet(founder, join(link));
    refused(founder, link);
  });

  test("is refused where the invite was closed", () => {
    const founder = found();
    const link = inviteBy(founder);
    founder.revoke(decodeInviteLink(link).key.publicKey, "no-more");
    refused(founder, link);
  });

  test("is not heard where the invite has expired, whatever date it gives its words", () => {
    const clock = new FakeClock();
    const founder = found(clock);
    const link = inviteBy(founder, { role: "operator", uses: 1, expiresS: DAY_S });
    const b = join(inviteBy(founder, { expiresS: 60 * DAY_S }), clock);
    founder.check(b.chain(), b.publicKey);
    const beganS = Math.floor(clock.wallMs() / 1_000);
    clock.pass(30 * DAY_S * 1_000);
    refused(founder, link);
    const fact = { what: "revocation", key: b.publicKey, kind: "out", why: "" } as const;
    const said = signStatement(founder.networkKey, fact, beganS + 10, madeBy(link, via()));
    expect(() => founder.accept(said)).toThrow("statement.chain: chain.0.via");
    founder.accept(signStatement(founder.networkKey, fact, beganS + 10, madeBy(link)));
    expect(founder.isStillMember(b.publicKey)).toBe(true);
  });

  test("is refused where only somebody who may not give the role says so", () => {
    const founder = found();
    const a = join(inviteBy(founder));
    const key = anyKey();
    const certificate = issueCertificate(signingKey(a.seed), {
      network: a.networkKey,
      subject: key.publicKey,
      role: "box",
      name: "",
      grants: [],
      uses: 0,
      issuedAt: 1,
      expiresAt: a.self.expiresAt,
      ...via(),
    });
    const chain = encodeChain([certificate, ...decodeChain(a.chain())]);
    expect(() => founder.check(chain, key.publicKey)).toThrow("chain.0.role");
  });
});

describe("who came second by an invite for one", () => {
  test("is not heard: what it revokes, rotates or has seen does not count", () => {
    const founder = found();
    const link = inviteBy(founder, { role: "operator", uses: 1 });
    const [operator, thief] = [join(link), join(link)];
    const b = join(inviteBy(founder));
    meet(founder, operator);
    founder.check(b.chain(), b.publicKey);
    expect(founder.accept(thief.revoke(b.publicKey, "out"))).toBe("new");
    founder.accept(thief.rotate());
    expect(founder.isStillMember(b.publicKey)).toBe(true);
    expect(founder.sharedKeys()).toHaveLength(1);
    const once = inviteBy(founder, { uses: 1 });
    const [mine, friend] = [join(once), join(once)];
    const seen = thief.noteAdmission(friend.chain());
    if (seen === undefined) throw new Error("nothing was noted");
    founder.accept(seen);
    expect(founder.check(mine.chain(), mine.publicKey).role).toBe("box");
  });

  test("is who was seen by a box with a clock behind, where one nearer to the network's key has seen another", () => {
    const [clock, behind] = [new FakeClock(), new FakeClock()];
    const founder = found(clock);
    const box = join(inviteBy(founder), behind);
    meet(founder, box);
    clock.pass(10 * DAY_S * 1_000);
    const link = inviteBy(founder, { uses: 1 });
    const [first, thief] = [join(link, clock), join(link, clock)];
    meet(founder, first);
    const seen = box.noteAdmission(thief.chain());
    if (seen === undefined) throw new Error("nothing was noted");
    founder.accept(seen);
    expect(founder.check(first.chain(), first.publicKey).role).toBe("box");
    expect(() => founder.check(thief.chain(), thief.publicKey)).toThrow("somebody else came by it before");
  });

  test("does not put out who was settled before", () => {
    const founder = found();
    const operator = join(inviteBy(founder, { grants: ["box"] }));
    meet(founder, operator);
    const link = inviteBy(founder, { uses: 1 });
    const [first, second] = [join(link), join(link)];
    operator.noteAdmission(first.chain());
    const settled = operator.settle(first.chain());
    if (settled === undefined) throw new Error("nothing was settled");
    first.take(settled);
    const seen = founder.noteAdmission(second.chain());
    if (seen) operator.accept(seen);
    expect(operator.check(first.chain(), first.publicKey).role).toBe("box");
  });
});
