import { describe, expect, test } from "bun:test";
import { isRemoved } from "../../../../src/messages/custody/bundle-queries.ts";
import { openStand, STATION } from "./store-stand.ts";
import { Writer } from "./writers.ts";

const ana = new Writer(1);
const bo = new Writer(2);
const box = new Writer(90, "box");
const guest = new Writer(90, "guest");
const stranger = new Writer(91, "box");
const DAY_MS = 86_400_000;
const speaksFor = (key: Uint8Array) => Buffer.from(key).equals(box.publicKey);

const traces = ({ store }: ReturnType<typeof openStand>) =>
  store.queries.posts("square").items.map((listed) => (isRemoved(listed) ? listed.removed : listed.id));

describe("a removal", () => {
  test("takes its sender's own post away, and leaves a trace until the post would have expired", async () => {
    const stand = openStand();
    const { store, take, pass } = stand;
    const post = ana.post("I regret this");
    await take(post);
    const gone: string[] = [];
    store.onGone((id) => gone.push(id));
    const removal = ana.removal(post.id, "a mistake", { lifetimeS: 30 * 86_400 });
    await take(removal);
    expect(traces(stand)).toEqual([{ by: "sender", reason: "a mistake" }]);
    expect([store.ids(), gone, store.get(post.id)]).toEqual([[removal.id], [post.id], undefined]);
    expect(store.queries.trace(post.id)).toMatchObject({ room: "square", sender: ana.hex });
    expect(await take(post)).toMatchObject({ state: "refused", reason: "blocked" });
    expect(store.knows(post.id)).toBe(true);
    await pass(8 * DAY_MS);
    expect(traces(stand)).toEqual([]);
    expect(store.knows(post.id)).toBe(true);
  });

  test("that comes before what it removes leaves nothing but the trace", async () => {
    const stand = openStand({ speaksFor });
    const { store, take } = stand;
    const [own, others] = [ana.post("one"), ana.post("two")];
    await take(ana.removal(own.id, "mine"));
    await take(box.removal(others.id, "hate"));
    const heard: string[] = [];
    store.onNew(({ id }) => heard.push(id));
    expect(await take(own)).toMatchObject({ reason: "blocked" });
    expect(await take(others)).toMatchObject({ reason: "blocked" });
    expect(traces(stand)).toEqual([
      { by: "operator", reason: "hate" },
      { by: "sender", reason: "mine" },
    ]);
    expect(heard).toEqual([]);
  });

  test("of an operator leaves a call for help where it is, and its sender's takes it back", async () => {
    const { store, take } = openStand({ speaksFor });
    const [own, guests] = [ana.sos("help"), box.sos("help", { as: "guest" })];
    for (const one of [own, guests]) {
      await take(one);
      await take(box.removal(one.id, "quiet"));
      expect(store.get(one.id)).toBeDefined();
    }
    expect(store.queries.openCalls(10)).toHaveLength(2);
    await take(ana.removal(own.id));
    await take(box.removal(guests.id, "", { as: "guest" }));
    expect([store.get(own.id), store.get(guests.id)]).toEqual([undefined, undefined]);
  });

  test("takes nothing away that another person wrote, nor by a box that is no member", async () => {
    const stand = openStand({ speaksFor });
    const { take } = stand;
    const post = ana.post("stays");
    await take(post);
    await take(bo.removal(post.id));
    await take(stranger.removal(post.id));
    await take(new Writer(90, "guest").removal(post.id));
    expect(traces(stand)).toEqual([post.id]);
  });

  test("of a box that becomes a member later counts from then on", async () => {
    let isKnown = false;
    const stand = openStand({ speaksFor: (key) => isKnown && speaksFor(key) });
    const { store, take } = stand;
    const post = ana.post("hate");
    await take(post);
    await take(box.removal(post.id, "hate"));
    expect(traces(stand)).toEqual([post.id]);
    isKnown = true;
    const looking = store.membersChanged();
    store.flush();
    expect(await looking).toBe(1);
    expect(traces(stand)).toEqual([{ by: "operator", reason: "hate" }]);
  });

  test("of an operator takes no direct message, no receipt and no removal away", async () => {
    const { store, takeAll, take } = openStand({ speaksFor });
    const message = ana.direct(bo, "sealed");
    const receipt = bo.receipt("delivered", ["0".repeat(24)]);
    const removal = ana.removal("1".repeat(24));
    const kept = [message, receipt, removal];
    await takeAll(kept);
    for (const { id } of kept) await take(box.removal(id));
    for (const { id } of kept) expect(store.ids()).toContain(id);
    // Its sender may take the message back; there is no trace of what nobody else could read.
    await take(ana.removal(message.id));
    expect(store.queries.inbox(bo.publicKey, 0)).toEqual([]);
    expect(store.queries.trace(message.id)).toBeUndefined();
    expect(store.knows(message.id)).toBe(true);
  });

  test("takes a guest's check-in back, with its name, for the guest and for the operator", async () => {
    for (const [as, by] of [
      ["guest", "sender"],
      ["box", "operator"],
    ] as const) {
      const { store, take } = openStand({ speaksFor });
      const [first, second] = [guest.checkIn("Maria López"), guest.checkIn("Maria López")];
      await take(first, STATION, 60_000);
      await take(second, STATION);
      expect(store.queries.checkIns("lopez").items.map(({ id }) => id)).toEqual([second.id, first.id]);
      await take(guest.removal(second.id, "", { as }));
      expect(store.queries.trace(second.id)?.removed.by).toBe(by);
      expect(store.queries.checkIns("lopez").items.map(({ id }) => id)).toEqual([first.id]);
      await take(guest.removal(first.id, "", { as }));
      expect(store.queries.checkIns("lopez").items).toEqual([]);
      expect(store.queries.checkIns("").items).toEqual([]);
    }
  });

  test("takes the photos with it that belong to a post, also those that come later", async () => {
    const { store, take } = openStand();
    const post = ana.post("look");
    const image = Uint8Array.from([0xff, 0xd8, 0xff, 0xe0, 0, 0, 0, 0, 0, 0, 0, 0]);
    const [early, late] = [
      ana.write("photo", { of: post.id, image }),
      ana.write("photo", { of: post.id, image: Uint8Array.from([...image, 1]) }),
    ];
    await take(post);
    await take(early);
    expect(store.queries.photosOf(post.id).map(({ id }) => id)).toEqual([early.id]);
    await take(ana.removal(post.id));
    expect(store.queries.photosOf(post.id)).toEqual([]);
    expect(await take(late)).toMatchObject({ reason: "blocked" });
  });
});

describe("guests' reports and codes", () => {
  test("count once for a station, and end with the bundle", async () => {
    const { store, take } = openStand();
    const [bad, worse] = [ana.post("bad"), ana.post("worse")];
    await take(bad);
    await take(worse);
    const reporting = [
      store.moderation.report(bad.id, "02:01", "rude"),
      store.moderation.report(worse.id, "02:01", "hate"),
      store.moderation.report(worse.id, "02:01", "again"),
      store.moderation.report(worse.id, "02:02", ""),
      store.moderation.report("0".repeat(24), "02:02", "nothing there"),
    ];
    store.flush();
    expect(await Promise.all(reporting)).toEqual([true, true, true, true, false]);
    expect(store.moderation.reports()).toEqual([
      { id: worse.id, count: 2, reasons: ["hate"] },
      { id: bad.id, count: 1, reasons: ["rude"] },
    ]);
    await take(ana.removal(worse.id));
    expect(store.moderation.reports().map(({ id }) => id)).toEqual([bad.id]);
  });

  test("lead back to a bundle, also when it is gone, and not for ever", async () => {
    const { store, take, pass } = openStand();
    const sos = guest.sos("help");
    await take(sos, STATION);
    const keeping = store.moderation.keepCode("1234-5678-9012", sos.id);
    store.flush();
    await keeping;
    await pass(8 * DAY_MS);
    expect(store.get(sos.id)).toBeUndefined();
    expect(store.moderation.idOfCode("1234-5678-9012")).toBe(sos.id);
    expect(store.moderation.idOfCode("0000-0000-0000")).toBeUndefined();
    await pass(60 * DAY_MS);
    expect(store.moderation.idOfCode("1234-5678-9012")).toBeUndefined();
  });
});
