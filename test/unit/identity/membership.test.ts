import { describe, expect, test } from "bun:test";
import type { InviteRequest, Membership } from "../../../src/identity/index.ts";
import {
  CertificateError,
  decodeInviteLink,
  InviteError,
  NotAllowedError,
} from "../../../src/identity/index.ts";
import { toBytes, toText } from "../../../src/identity/membership-document.ts";
import { signingKey } from "../../../src/identity/signing-key.ts";
import { signStatement } from "../../../src/identity/statement.ts";
import { FakeClock } from "../fake-clock.ts";
import { scratchFolders } from "../scratch.ts";
import { DAY_S, inviteBy, meet, openBox, syncAll } from "./network.ts";

const scratch = scratchFolders();
const clock = new FakeClock();

const found = (at: FakeClock = clock) => openBox(scratch(), at).memberships.found("Harbour", "quay");
const join = (link: string, at: FakeClock = clock, name = "") =>
  openBox(scratch(), at).memberships.join(link, name).membership;
/** To work anything out takes 50 ms. */
class SlowClock extends FakeClock {
  override monotonicMs(): number {
    this.pass(50);
    return super.monotonicMs();
  }
}
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

  test.each<[string, Partial<InviteRequest>]>([
    ["role: ", { role: "operator" }],
    ["grants: ", { grants: ["requester"] }],
    ["expiresS: ", { expiresS: -1 }],
    ["name: ", { name: "x".repeat(61) }],
    ["peers.0.addresses.0: ", { peers: [{ publicKey: new Uint8Array(32), addresses: ["nowhere"] }] }],
    ["link.peers.0.publicKey: ", { peers: [{ publicKey: new Uint8Array(31), addresses: [] }] }],
  ])("names what an invite may not have by %s", (field, request) => {
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
    expect([a, b, c].map(({ publicKey }) => c.isPutOut(publicKey))).toEqual([true, false, false]);
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

  test("for which there is no room is an error, but for one that puts out, which takes the place of a closing", () => {
    const founder = found();
    const key = signingKey(toBytes(founder.data().networkSeed ?? ""));
    const nobody = (n: number) => Uint8Array.from({ length: 32 }, (_, at) => (at < 4 ? n >> (8 * at) : 7));
    const closings = Array.from({ length: 4_000 }, (_, n) =>
      signStatement(founder.networkKey, { what: "revocation", key: nobody(n), kind: "no-more", why: "" }, 1, {
        key,
        chain: new Uint8Array(0),
      }),
    );
    founder.merge({ ...founder.data(), statements: closings.map(toText) });
    expect(founder.statements().length).toBeGreaterThanOrEqual(4_000);
    expect(() => founder.revoke(nobody(5_000), "no-more")).toThrow("there is no room for it");
    const a = join(inviteBy(founder));
    founder.check(a.chain(), a.publicKey);
    founder.revoke(a.publicKey, "out");
    expect(founder.isStillMember(a.publicKey)).toBe(false);
  }, 60_000);

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

describe("an invite for one", () => {
  test("admits whom a member saw first, and the other is out once that is told", () => {
    const founder = found();
    const [c, d] = [join(inviteBy(founder)), join(inviteBy(founder))];
    meet(founder, c);
    meet(founder, d);
    const link = inviteBy(founder, { uses: 1 });
    const at = new FakeClock();
    const [first, second] = [join(link), join(link)];
    // Two parts of a network that do not hear each other: d's clock is two seconds ahead.
    expect(c.noteAdmission(first.chain())).toBeInstanceOf(Uint8Array);
    at.pass(2_000);
    const later = openBox(scratch(), at).memberships.join(inviteBy(founder)).membership;
    meet(founder, later);
    expect(later.noteAdmission(second.chain())).toBeInstanceOf(Uint8Array);
    expect(later.isStillMember(second.publicKey)).toBe(true);
    syncAll(c, later, founder, first, second);
    for (const member of [c, later, founder]) {
      expect(member.check(first.chain(), first.publicKey).role).toBe("box");
      expect(() => member.check(second.chain(), second.publicKey)).toThrow("somebody else came by it before");
      expect(member.isStillMember(second.publicKey)).toBe(false);
    }
    expect(second.problem).toContain("somebody else came by it before");
  });

  test("that two used in the same second admits the same one everywhere", () => {
    const founder = found();
    const [c, d] = [join(inviteBy(founder)), join(inviteBy(founder))];
    const link = inviteBy(founder, { uses: 1 });
    const [first, second] = [join(link), join(link)];
    c.noteAdmission(first.chain());
    d.noteAdmission(second.chain());
    syncAll(c, d);
    const winners = [c, d].map((member) => {
      return [first, second].filter((who) => isIn(member, who)).map(({ publicKey }) => hex(publicKey));
    });
    expect(winners[0]).toHaveLength(1);
    expect(winners[1]).toEqual(winners[0] ?? []);
  });

  test("is noted once by a box, and not by one that knows of it and is no nearer to the network's key", () => {
    const founder = found();
    const [c, d] = [join(inviteBy(founder)), join(inviteBy(founder))];
    const first = join(inviteBy(founder, { uses: 1 }));
    const statement = c.noteAdmission(first.chain());
    if (statement === undefined) throw new Error("nothing was noted");
    expect(c.noteAdmission(first.chain())).toBeUndefined();
    expect([founder.accept(statement), founder.accept(statement)]).toEqual(["new", "known"]);
    d.accept(statement);
    expect(d.noteAdmission(first.chain())).toBeUndefined();
    expect(founder.noteAdmission(first.chain())).toBeInstanceOf(Uint8Array);
    expect(founder.noteAdmission(first.chain())).toBeUndefined();
  });
});

describe("what others say of who came", () => {
  test("is looked at in such numbers as a newcomer takes over, and then so much a minute; own words always", () => {
    const at = new FakeClock();
    const founder = found(at);
    const looksLikeOne = Uint8Array.of(0x87, 2, 0);
    const lookedAt = (times: number) => {
      let count = 0;
      for (let time = 0; time < times; time += 1) {
        try {
          expect(founder.accept(looksLikeOne)).toBe("known");
        } catch {
          // Nobody has signed it, which is found out by looking.
          count += 1;
        }
      }
      return count;
    };
    expect(lookedAt(4_000)).toBe(3_000);
    at.pass(60_000);
    expect(lookedAt(4_000)).toBe(600);
    const box = join(inviteBy(founder), at);
    const noted = founder.noteAdmission(box.chain());
    expect(noted).toBeInstanceOf(Uint8Array);
    // What is there already costs nothing, and what puts somebody out is always looked at.
    expect(founder.accept(noted ?? looksLikeOne)).toBe("known");
    expect(() => founder.accept(Uint8Array.of(0x87, 1, 0))).toThrow("statement");
  });

  test("by an invite for one counts at once for who has seen it, however busy it is", () => {
    const at = new SlowClock();
    const founder = found(at);
    const link = inviteBy(founder, { uses: 1 });
    const [first, second] = [join(link, at), join(link, at)];
    expect(founder.problem).toBeUndefined();
    founder.noteAdmission(first.chain());
    expect(founder.settle(first.chain())).toBeDefined();
    expect(() => founder.noteAdmission(second.chain())).toThrow("somebody else came by it before");
  });

  test("does not keep who has noted it from settling who came", () => {
    const at = new SlowClock();
    const founder = found(at);
    const box = join(inviteBy(founder), at);
    expect(founder.problem).toBeUndefined();
    founder.noteAdmission(box.chain());
    expect(founder.settle(box.chain())).toBeDefined();
  });
});

describe("a certificate that ends with its invite", () => {
  test("holds until then, also for whoever was checked before", () => {
    const at = new FakeClock();
    const founder = found(at);
    const a = join(inviteBy(founder, { expiresS: DAY_S }), at);
    founder.check(a.chain(), a.publicKey);
    at.pass(DAY_S * 1_000 - 1_000);
    expect(founder.isStillMember(a.publicKey)).toBe(true);
    at.pass(1_000);
    expect(founder.isStillMember(a.publicKey)).toBe(false);
    expect(() => founder.check(a.chain(), a.publicKey)).toThrow("expired at 2026-07-02T00:00:00.000Z");
    expect(a.problem).toContain("expired");
  });

  test("is replaced by a box that may certify, and no longer ends then", () => {
    const at = new FakeClock();
    const founder = found(at);
    const link = inviteBy(founder, { expiresS: DAY_S, uses: 1 });
    const a = join(link, at, "mill");
    expect([a.isSettled, founder.settle(a.chain())]).toEqual([false, undefined]);
    meet(founder, a);
    const settled = founder.settle(a.chain());
    if (settled === undefined) throw new Error("nothing was settled");
    expect([a.take(settled), a.isSettled, a.take(settled)]).toEqual([true, true, false]);
    at.pass(2 * DAY_S * 1_000);
    expect(founder.check(a.chain(), a.publicKey)).toMatchObject({ name: "mill", role: "box", expiresAt: 0 });
    // The invite is still known by which it came.
    founder.revoke(decodeInviteLink(link).key.publicKey, "no-more");
    expect(founder.isStillMember(a.publicKey)).toBe(true);
    founder.revoke(decodeInviteLink(link).key.publicKey, "out");
    expect(founder.isStillMember(a.publicKey)).toBe(false);
  });

  test("is not replaced by a box that may not certify, nor for somebody who is no member", () => {
    const founder = found();
    const [a, b] = [join(inviteBy(founder)), join(inviteBy(founder))];
    meet(a, b);
    expect(a.settle(b.chain())).toBeUndefined();
    founder.revoke(b.publicKey, "out");
    expect(() => founder.settle(b.chain())).toThrow(CertificateError);
    expect(() => b.take(a.chain())).toThrow("is not this box");
  });

  test("ends by the time that the network has proof of, where the wall clock is behind", () => {
    const [late, early] = [new FakeClock(), new FakeClock()];
    const founder = found(late);
    const a = join(inviteBy(founder, { expiresS: DAY_S }), early);
    const b = join(inviteBy(founder, { expiresS: 0 }), early);
    late.pass(2 * DAY_S * 1_000);
    b.check(a.chain(), a.publicKey);
    b.accept(founder.rotate());
    expect(b.isStillMember(a.publicKey)).toBe(false);
  });
});

describe("the shared key", () => {
  test("is rotated by the founder; the last three hold, the newest first, on every box", () => {
    const founder = found();
    const a = join(inviteBy(founder));
    const [old] = founder.sharedKeys().map(hex);
    const statements = [founder.rotate(), founder.rotate(), founder.rotate()];
    for (const statement of statements.reverse()) a.accept(statement);
    expect(founder.sharedKeys()).toHaveLength(3);
    expect(founder.sharedKeys().map(hex)).not.toContain(old ?? "");
    // That of its invite is kept beside them.
    expect(a.sharedKeys().map(hex)).toEqual([...founder.sharedKeys().map(hex), old ?? ""]);
  });

  test("is found again by a box that came by one of an operator who was put out", () => {
    const founder = found();
    const operator = join(inviteBy(founder, { role: "operator" }));
    meet(founder, operator);
    const first = inviteBy(founder);
    const a = join(first);
    founder.accept(operator.rotate());
    const b = openBox(scratch()).memberships;
    const { membership } = b.join(inviteBy(founder));
    syncAll(founder, membership);
    founder.revoke(operator.publicKey, "out");
    const [key] = founder.sharedKeys().map(hex);
    expect(membership.sharedKeys().map(hex)).toContain(key ?? "");
    syncAll(founder, membership, a);
    expect(membership.sharedKeys().map(hex)).toContain(key ?? "");
    expect(a.sharedKeys().map(hex)).toEqual([key ?? ""]);
  });

  test("that came by an invite is kept beside two more of later invites", () => {
    const founder = found();
    const b = openBox(scratch()).memberships;
    const { membership } = b.join(inviteBy(founder));
    const keys = [
      founder.sharedKeys()[0],
      ...[1, 2, 3].map(() => {
        founder.rotate();
        b.join(inviteBy(founder));
        return founder.sharedKeys()[0];
      }),
    ].map((key) => hex(key ?? new Uint8Array()));
    expect(membership.sharedKeys().map(hex)).toEqual(keys.slice(1).reverse());
  });

  test("is not signed by the network's own key where the founder's clock is years ahead of all that is certain", () => {
    const at = new FakeClock();
    const founder = found(at);
    at.pass(4 * 365 * DAY_S * 1_000);
    founder.rotate();
    at.pass(6 * 365 * DAY_S * 1_000);
    expect(() => founder.rotate()).toThrow("statement.issuedAt: this box's clock says 2036");
    expect(founder.sharedKeys()).toHaveLength(2);
    at.pass(10 * 365 * DAY_S * 1_000);
    expect(() => found(at).rotate()).toThrow("statement.issuedAt");
  });

  test("that is the newest is in new invites", () => {
    const founder = found();
    founder.rotate();
    const a = join(inviteBy(founder));
    expect(hex(a.sharedKeys()[0] ?? new Uint8Array())).toBe(hex(founder.sharedKeys()[0] ?? new Uint8Array()));
  });
});

describe("a membership", () => {
  test("tells of each change once, until it is no longer listened to", () => {
    const founder = found();
    const a = join(inviteBy(founder));
    let changes = 0;
    const end = a.onChange(() => {
      changes += 1;
    });
    const statement = founder.rotate();
    a.accept(statement);
    a.accept(statement);
    expect(changes).toBe(1);
    a.accept(founder.rotate());
    expect(changes).toBe(2);
    end();
    a.accept(founder.rotate());
    expect(changes).toBe(2);
  });

  test("takes the good among the statements of an export", () => {
    const founder = found();
    const a = join(inviteBy(founder));
    const good = founder.rotate();
    a.merge({ ...a.data(), statements: [new Uint8Array(3), good, good].map(toText) });
    expect(a.statements()).toEqual([good]);
  });

  test("remembers where others were found, the last one first, itself never, and no more than 32", () => {
    const founder = found();
    const a = join(
      inviteBy(founder, {
        peers: [{ publicKey: founder.publicKey, addresses: ["/ip4/203.0.113.7/tcp/4001"] }],
      }),
    );
    expect(a.peers().map(({ publicKey }) => hex(publicKey))).toEqual([hex(founder.publicKey)]);
    const peer = (n: number) => ({
      publicKey: new Uint8Array(32).fill(n),
      addresses: [`/ip4/192.0.2.${n}/tcp/4001`],
    });
    a.rememberPeers([{ publicKey: a.publicKey, addresses: ["/ip4/192.0.2.1/tcp/1"] }, peer(1)]);
    a.rememberPeers([peer(2)]);
    expect(a.peers().slice(0, 2)).toEqual([peer(2), peer(1)]);
    a.rememberPeers(Array.from({ length: 40 }, (_, index) => peer(index + 3)));
    expect(a.peers()).toHaveLength(32);
  });
});

function isIn(member: Membership, who: Membership): boolean {
  try {
    member.check(who.chain(), who.publicKey);
    return true;
  } catch {
    return false;
  }
}

const openInviteKey = (link: string): Uint8Array => decodeInviteLink(link).key.publicKey;
