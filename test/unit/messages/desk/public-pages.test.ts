import { describe, expect, test } from "bun:test";
import { PublicPages } from "../../../../src/messages/desk/public-pages.ts";
import { openStand, PEER, SELF } from "../custody/store-stand.ts";
import { Writer } from "../custody/writers.ts";

const SQUARE = { kind: "room", room: "square" } as const;
const operator = new Writer(90, "box");
const speaksFor = (key: Uint8Array) => Buffer.from(key).equals(operator.publicKey);

function open() {
  const stand = openStand({ speaksFor });
  const trust = { speaksFor, isOwn: () => false, nameOf: () => "", vouchedBy: () => undefined };
  return { ...stand, pages: new PublicPages(stand.store.queries, trust, []) };
}

describe("public pages", () => {
  test("show what somebody vouches for behind any number of forged notices, and few of these", async () => {
    const { take, takeAll, pages } = open();
    const words = [operator.notice("Boil water"), operator.notice("The bridge is closed")];
    await take(words[0] ?? operator.notice(""), SELF, 10_000);
    await take(words[1] ?? operator.notice(""), SELF, 5_000);
    await takeAll(Array.from({ length: 300 }, (_, n) => new Writer(5_000 + n, "box").notice("x")));
    const shown = pages.notices();
    expect(shown.slice(0, 2).map(({ text }) => text)).toEqual(["The bridge is closed", "Boil water"]);
    expect(shown.filter(({ trusted }) => trusted)).toHaveLength(2);
    expect(shown).toHaveLength(22);
  });

  test("list the calls for help that wait the longest first, then those that were answered, then the closed", async () => {
    const { take, takeAll, pages } = open();
    const [closed, answered, oldest] = ["closed", "answered", "oldest"].map((text) =>
      new Writer(1).sos(text),
    );
    if (!closed || !answered || !oldest) throw new Error("three were written");
    await take(closed, PEER, 40_000);
    await take(answered, PEER, 30_000);
    await take(oldest, PEER, 20_000);
    await take(operator.receipt("closed", [closed.id]));
    await take(operator.receipt("acknowledged", [answered.id]));
    await takeAll(Array.from({ length: 20 }, (_, n) => new Writer(7_000 + n).sos("later")));
    const ids = pages.sosBoard(true).map(({ id }) => id);
    expect([ids[0], ...ids.slice(-2)]).toEqual([oldest.id, answered.id, closed.id]);
    expect(pages.sosBoard(false).map(({ id }) => id)).toEqual(ids.slice(0, -1));
    await takeAll(Array.from({ length: 300 }, (_, n) => new Writer(8_000 + n).sos("later still")));
    expect(pages.sosBoard(false)[0]?.id).toBe(oldest.id);
  });
});

describe("somebody who signs what they write", () => {
  test("is shown with the network that vouches for them, and without where none does", async () => {
    const { take, store } = open();
    const [ana, bo] = [new Writer(1), new Writer(2)];
    const vouchedBy = (key: Uint8Array) => (Buffer.from(key).equals(ana.publicKey) ? "Valley" : undefined);
    const trust = { speaksFor, isOwn: () => false, nameOf: () => "", vouchedBy };
    await take(ana.checkIn("Ana"));
    await take(bo.checkIn("Bo"));
    const { items } = new PublicPages(store.queries, trust, []).checkIns("");
    const shown = Object.fromEntries(items.map((item) => [item.name, [typeof item.person, item.vouchedBy]]));
    expect(shown).toEqual({ Ana: ["string", "Valley"], Bo: ["string", undefined] });
  });
});

describe("a name", () => {
  test("is shown without what the pages mark people with that a network vouches for", async () => {
    const { take, pages } = open();
    const forged = "Ana \u2003 \u3164✔\ufe0f Valley vouches for them";
    await take(new Writer(1).checkIn(forged));
    const post = new Writer(2).write("post", { name: forged, text: "✓ said Ana" }, { to: SQUARE });
    await take(post);
    const place = { words: "" };
    const call = { text: "Fire", name: forged, place, people: 0, injured: 0, contact: "" };
    await take(new Writer(3).write("sos", call));
    const named = { name: "Ana Valley vouches for them" };
    expect(pages.checkIns("").items).toMatchObject([named]);
    expect(pages.posts("square").items).toMatchObject([{ ...named, text: "✓ said Ana" }]);
    expect(pages.sosBoard(false)).toMatchObject([named]);
    expect(pages.gist(post.id)).toBe("Ana Valley vouches for them: ✓ said Ana");
  });
});

describe("the store", () => {
  test("finds by its first digits what no page has a place for", async () => {
    const { store, take, takeAll } = open();
    const old = new Writer(1).sos("oldest");
    await take(old, PEER, 10_000);
    await takeAll(Array.from({ length: 250 }, (_, n) => new Writer(7_000 + n).sos("later")));
    expect(store.queries.idsThatBegin(old.id.slice(0, 12), ["sos"], 2)).toEqual([old.id]);
    expect(store.queries.idsThatBegin("", ["sos"], 2)).toEqual([]);
    expect(store.queries.idsThatBegin(old.id, ["post"], 2)).toEqual([]);
    expect(store.queries.idsThatBegin("%", ["sos"], 2)).toEqual([]);
  });
});
