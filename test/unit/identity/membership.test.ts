import { describe, expect, test } from "bun:test";
import type { InviteRequest } from "../../../src/identity/index.ts";
import {
  CertificateError,
  decodeInviteLink,
  InviteError,
  NotAllowedError,
} from "../../../src/identity/index.ts";
import { FakeClock } from "../fake-clock.ts";
import { scratchFolders } from "../scratch.ts";
import { inviteBy, meet, openBox, syncAll } from "./network.ts";

const scratch = scratchFolders();
const clock = new FakeClock();

const found = (at: FakeClock = clock) => openBox(scratch(), at).memberships.found("Harbour", "quay");
const join = (link: string, at: FakeClock = clock, name = "") =>
  openBox(scratch(), at).memberships.join(link, name).membership;
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

describe("a network of boxes", () => {
  test("admits who joins by an invite, checked by any member offline", () => {
    const founder = found();
    const a = join(inviteBy(founder), clock, "mill");
    const b = join(inviteBy(founder));
    expect(a.check(b.chain(), b.publicKey)).toMatchObject({ role: "box", grants: [] });
    expect(b.check(a.chain(), a.publicKey)).toMatchObject({ role: "box", name: "mill" });
    expect(b.check(founder.chain(), founder.publicKey)).toMatchObject({
      name: "quay",
      grants: ["box", "person", "operator", "requester"],
    });
    expect([a.id, a.name, hex(a.networkKey)]).toEqual([founder.id, "Harbour", hex(founder.networkKey)]);
    expect(a.sharedKeys().map(hex)).toEqual(founder.sharedKeys().map(hex));
  });

  test("refuses a member of another network, and a member's certificates in somebody else's hand", () => {
    const founder = found();
    const other = found();
    expect(() => founder.check(other.chain(), other.publicKey)).toThrow("is of another network");
    const a = join(inviteBy(founder));
    const b = join(inviteBy(founder));
    expect(() => founder.check(a.chain(), b.publicKey)).toThrow("is somebody else");
  });

  test("knows members only once they were checked", () => {
    const founder = found();
    const a = join(inviteBy(founder));
    expect(founder.isStillMember(a.publicKey)).toBe(false);
    founder.check(a.chain(), a.publicKey);
    expect(founder.isStillMember(a.publicKey)).toBe(true);
  });

  test("lets those invite who were given it, as far from its key as certificates reach", () => {
    const founder = found();
    const a = join(inviteBy(founder, { grants: ["box", "person"] }));
    expect([a.canInvite, [...a.invitable]]).toEqual([true, ["box", "person"]]);
    const b = join(inviteBy(a, { grants: ["box"] }));
    expect(founder.check(b.chain(), b.publicKey)).toMatchObject({ grants: ["box"] });
    expect(b.canInvite).toBe(false);
    expect(() => inviteBy(b)).toThrow(InviteError);
  });

  test.each<[Partial<InviteRequest>, string]>([
    [{ role: "operator" }, "role: "],
    [{ grants: ["requester"] }, "grants: "],
    [{ expiresS: -1 }, "expiresS: "],
    [{ name: "x".repeat(61) }, "name: "],
    [{ peers: [{ publicKey: new Uint8Array(32), addresses: ["nowhere"] }] }, "peers.0.addresses.0: "],
    [{ peers: [{ publicKey: new Uint8Array(31), addresses: [] }] }, "link.peers.0.publicKey: "],
  ])("names what an invite may not have: %p", (request, field) => {
    const a = join(inviteBy(found(), { grants: ["box"] }));
    expect(() => inviteBy(a, request)).toThrow(field);
  });

  test("has no way in for a box that was given no grants, whatever it asks for", () => {
    const a = join(inviteBy(found()));
    expect([a.canInvite, a.canRevoke, a.isFounder]).toEqual([false, false, false]);
    expect(() => inviteBy(a)).toThrow("may not invite");
    expect(() => a.revoke(a.publicKey, "out")).toThrow(NotAllowedError);
    expect(() => a.rotate()).toThrow(NotAllowedError);
  });
});

describe("a revocation", () => {
  test("puts out a member, and whoever it has invited, wherever it is told", () => {
    const founder = found();
    const a = join(inviteBy(founder, { grants: ["box"] }));
    const b = join(inviteBy(a));
    const c = join(inviteBy(founder));
    for (const member of [a, b]) c.check(member.chain(), member.publicKey);
    expect(c.accept(founder.revoke(a.publicKey, "out", "stolen"))).toBe("new");
    expect([c.isStillMember(a.publicKey), c.isStillMember(b.publicKey)]).toEqual([false, false]);
    expect(() => c.check(a.chain(), a.publicKey)).toThrow("revoked: stolen");
    expect(() => c.check(b.chain(), b.publicKey)).toThrow(CertificateError);
    expect(c.check(founder.chain(), founder.publicKey).name).toBe("quay");
  });

  test("may come from an operator's box too", () => {
    const founder = found();
    const operator = join(inviteBy(founder, { role: "operator" }));
    const a = join(inviteBy(founder));
    meet(founder, operator);
    founder.check(a.chain(), a.publicKey);
    expect(operator.canRevoke).toBe(true);
    expect(founder.accept(operator.revoke(a.publicKey, "out", ""))).toBe("new");
    expect(founder.isStillMember(a.publicKey)).toBe(false);
  });

  test("that closes an invite leaves in who was seen before, and lets nobody new in", () => {
    const founder = found();
    const link = inviteBy(founder);
    const a = join(link);
    const late = join(link);
    const c = join(inviteBy(founder));
    meet(c, a);
    syncAll(c, founder);
    const inviteKey = openInviteKey(link);
    c.accept(founder.revoke(inviteKey, "no-more"));
    expect(c.check(a.chain(), a.publicKey).role).toBe("box");
    expect(() => c.check(late.chain(), late.publicKey)).toThrow("the invite is closed");
  });
});

const openInviteKey = (link: string): Uint8Array => decodeInviteLink(link).key.publicKey;
