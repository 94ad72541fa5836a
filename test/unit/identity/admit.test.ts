import { describe, expect, test } from "bun:test";
import { CertificateError, decodeInviteLink, InviteError, signingKey } from "../../../src/identity/index.ts";
import { FakeClock } from "../fake-clock.ts";
import { scratchFolders } from "../scratch.ts";
import { DAY_S, inviteBy, meet, openBox } from "./network.ts";

const scratch = scratchFolders();
const person = signingKey(new Uint8Array(32).fill(5)).publicKey;
const ADA = { role: "person", name: "Ada", expiresS: 30 * DAY_S } as const;

function twoBoxes(clock = new FakeClock()) {
  const founder = openBox(scratch(), clock).memberships.found("Harbour", "quay");
  const link = inviteBy(founder, { grants: ["person"] });
  const box = openBox(scratch(), clock).memberships.join(link, "mill").membership;
  return { founder, box };
}

describe("somebody who shows a box their key", () => {
  test("is a member for every box of the network, until the time is over", () => {
    const clock = new FakeClock();
    const { founder, box } = twoBoxes(clock);
    const chain = box.admit(person, ADA);
    expect(founder.check(chain, person)).toMatchObject({ role: "person", name: "Ada", grants: [] });
    expect(() => founder.check(chain, box.publicKey)).toThrow(CertificateError);
    clock.pass(31 * DAY_S * 1_000);
    expect(() => founder.check(chain, person)).toThrow(CertificateError);
  });

  test("is let in by no box that may not, nor as what it may not give", () => {
    const { founder, box } = twoBoxes();
    const other = openBox(scratch()).memberships.join(inviteBy(founder), "tower").membership;
    expect(() => other.admit(person, ADA)).toThrow(InviteError);
    expect(() => box.admit(person, { ...ADA, role: "operator" })).toThrow(/^role: /);
    expect(() => box.admit(person, { ...ADA, name: "x".repeat(61) })).toThrow(/^name: /);
  });

  test("is out with the box that let them in", () => {
    const { founder, box } = twoBoxes();
    const chain = box.admit(person, ADA);
    meet(founder, box);
    founder.revoke(box.publicKey, "out", "stolen");
    expect(() => founder.check(chain, person)).toThrow(CertificateError);
  });
});

describe("somebody who shows a box an invite", () => {
  test("is a member by it at every box", () => {
    const { founder, box } = twoBoxes();
    const invite = decodeInviteLink(inviteBy(founder, { role: "person", uses: 1 }));
    const chain = box.admitBy(invite, person, "Ada");
    expect(founder.check(chain, person)).toMatchObject({ role: "person", name: "Ada" });
  });

  test("is none by an invite to another network, or one that was revoked or is over", () => {
    const clock = new FakeClock();
    const { founder, box } = twoBoxes(clock);
    const elsewhere = decodeInviteLink(inviteBy(twoBoxes().founder, { role: "person" }));
    expect(() => box.admitBy(elsewhere, person, "")).toThrow(/^link: is an invite to another network/);
    const invite = decodeInviteLink(inviteBy(founder, { role: "person" }));
    box.accept(founder.revoke(invite.key.publicKey, "out", "leaked"));
    expect(() => box.admitBy(invite, person, "")).toThrow(/^link: /);
    const short = decodeInviteLink(inviteBy(founder, { role: "person", expiresS: 60 }));
    clock.pass(61_000);
    expect(() => box.admitBy(short, person, "")).toThrow(/^link: /);
  });
});
