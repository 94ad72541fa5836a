import { describe, expect, test } from "bun:test";
import { decodeInviteLink, type Membership } from "../../../src/identity/index.ts";
import { FakeClock } from "../fake-clock.ts";
import { scratchFolders } from "../scratch.ts";
import { inviteBy, meet, openBox, syncAll } from "./network.ts";

const scratch = scratchFolders();
const keyOf = (link: string) => decodeInviteLink(link).key.publicKey;

function network(clock = new FakeClock()) {
  const home = openBox(scratch(), clock);
  const founder = home.memberships.found("Harbour", "quay");
  const joined = (link: string, name = "mill") =>
    openBox(scratch(), clock).memberships.join(link, name).membership;
  return { clock, home, founder, joined };
}

const summary = (membership: Membership) =>
  membership.invites().map(({ state, role, came, made }) => ({
    state,
    role,
    came: came.map(({ name }) => name),
    made: made && { once: made.once },
  }));

describe("the invites of a network", () => {
  test("are those that this box has made, the last one first, with who came by them", () => {
    const { clock, founder, joined } = network();
    const many = inviteBy(founder);
    clock.pass(5_000);
    inviteBy(founder, { role: "operator", uses: 1 });
    for (const name of ["mill", "tower"]) meet(founder, joined(many, name));
    expect(summary(founder)).toEqual([
      { state: "open", role: "operator", came: [], made: { once: true } },
      { state: "open", role: "box", came: ["mill", "tower"], made: { once: false } },
    ]);
  });

  test("are known through a restart and an export", async () => {
    const { clock, home, founder } = network();
    const link = inviteBy(founder);
    const again = openBox(home.folder, clock).memberships.get(founder.id);
    expect(again?.invites()).toMatchObject([{ key: keyOf(link), state: "open" }]);
    const other = openBox(scratch(), clock);
    const words = "correct horse battery";
    await other.memberships.importFrom(await home.memberships.exportTo(words), words);
    expect(other.memberships.get(founder.id)?.invites()).toMatchObject([{ key: keyOf(link) }]);
    // Made by both since: neither's are lost, and none is there twice.
    const second = inviteBy(founder);
    await other.memberships.importFrom(await home.memberships.exportTo(words), words);
    expect(other.memberships.get(founder.id)?.invites()).toHaveLength(2);
    expect(
      other.memberships
        .get(founder.id)
        ?.invites()
        .map(({ key }) => key),
    ).toContainEqual(keyOf(second));
  });

  test("made elsewhere are known by who came", () => {
    const { founder, joined } = network();
    const operator = joined(inviteBy(founder, { role: "operator", grants: ["box"] }), "van");
    meet(founder, operator);
    const box = joined(inviteBy(operator), "mill");
    meet(founder, box);
    syncAll(founder, operator, box);
    expect(summary(box)).toHaveLength(2);
    expect(summary(box)).toContainEqual({ state: "open", role: "operator", came: ["van"], made: undefined });
    expect(summary(box)).toContainEqual({ state: "open", role: "box", came: ["mill"], made: undefined });
  });

  test("say that they are used, expired, closed or void", () => {
    const { clock, founder, joined } = network();
    const [used, short, closed, void_] = [
      inviteBy(founder, { uses: 1 }),
      inviteBy(founder, { expiresS: 60 }),
      inviteBy(founder),
      inviteBy(founder),
    ];
    meet(founder, joined(used, "mill"));
    meet(founder, joined(closed, "tower"));
    meet(founder, joined(void_, "gate"));
    founder.revoke(keyOf(closed), "no-more");
    founder.revoke(keyOf(void_), "out");
    clock.pass(61_000);
    const byKey = (link: string) => founder.invites().find(({ key }) => Buffer.from(key).equals(keyOf(link)));
    const seen = [used, short, closed, void_].map((link) => [byKey(link)?.state, byKey(link)?.came.length]);
    expect(seen).toEqual([
      ["used", 1],
      ["expired", 0],
      ["closed", 1],
      ["out", 0],
    ]);
  });

  test("name nobody who was put out", () => {
    const { founder, joined } = network();
    const link = inviteBy(founder);
    const mill = joined(link, "mill");
    for (const box of [mill, joined(link, "tower")]) meet(founder, box);
    founder.revoke(mill.publicKey, "out");
    expect(summary(founder)[0]?.came).toEqual(["tower"]);
  });

  test("are forgotten beyond a hundred, those that have ended first", () => {
    const { clock, founder } = network();
    const old = inviteBy(founder, { expiresS: 0 });
    const short = () => inviteBy(founder, { expiresS: 10 });
    const ended = Array.from({ length: 60 }, short);
    clock.pass(20_000);
    const fresh = Array.from({ length: 50 }, short);
    const keys = founder.invites().map(({ key }) => Buffer.from(key).toString("hex"));
    const held = (links: string[]) =>
      links.filter((link) => keys.includes(Buffer.from(keyOf(link)).toString("hex"))).length;
    expect([keys.length, held([old]), held(fresh), held(ended)]).toEqual([100, 1, 50, 49]);
  });
});

describe("an invite that is revoked", () => {
  test("puts out all who came by it and whom these let in, settled or not, and nobody else", () => {
    const { founder, joined } = network();
    const leaked = inviteBy(founder, { role: "operator", grants: ["box"] });
    const [spy, settled] = [joined(leaked, "spy"), joined(leaked, "van")];
    const honest = joined(inviteBy(founder), "mill");
    for (const box of [spy, settled, honest]) meet(founder, box);
    const better = founder.settle(settled.chain());
    expect(better && settled.take(better)).toBe(true);
    const friend = joined(inviteBy(spy), "friend");
    meet(spy, friend);
    syncAll(founder, spy, settled, honest, friend);
    founder.check(friend.chain(), friend.publicKey);
    honest.accept(founder.revoke(keyOf(leaked), "out", "leaked"));
    for (const box of [spy, settled, friend]) {
      expect(() => honest.check(box.chain(), box.publicKey)).toThrow("revoked: leaked");
    }
    founder.check(honest.chain(), honest.publicKey);
    const late = joined(leaked, "late");
    expect(() => founder.check(late.chain(), late.publicKey)).toThrow("revoked: leaked");
  });

  test("that a box's own certificates stand on is known for one", () => {
    const { founder, joined } = network();
    const link = inviteBy(founder, { role: "operator", grants: ["box"] });
    const operator = joined(link);
    const box = joined(inviteBy(operator));
    const other = keyOf(inviteBy(founder));
    expect([operator, box, founder].map((one) => one.standsOn(keyOf(link)))).toEqual([true, true, false]);
    expect([operator, box].map((one) => one.standsOn(other))).toEqual([false, false]);
  });
});
