import { describe, expect, test } from "bun:test";
import { openStand, PEER, STATION } from "./store-stand.ts";
import { Writer } from "./writers.ts";

const ana = new Writer(1);
const bo = new Writer(2);
const eve = new Writer(3);
const box = new Writer(90, "box");
const stranger = new Writer(91, "box");
const speaksFor = (key: Uint8Array) => Buffer.from(key).equals(box.publicKey);

const stateOf = ({ store }: ReturnType<typeof openStand>, id: string) => store.queries.progress([id])[0];

describe("what was written here", () => {
  test("is offered again as long as no other box is noted to have it, and what came from others is not", async () => {
    const { store, take } = openStand();
    const [own, other] = [ana.direct(bo, "one"), ana.direct(bo, "two")];
    await take(own, STATION);
    await take(other, PEER);
    expect(store.unconfirmed()).toEqual([own.id]);
    const noting = store.noteHandedOver(own.id, { by: "lora", address: 7 });
    store.flush();
    await noting;
    expect(store.unconfirmed()).toEqual([]);
  });
});

describe("a direct message", () => {
  test("goes when its recipient says that it has come, is known from then on, and its sender sees it", async () => {
    const stand = openStand();
    const { store, take } = stand;
    const gone: string[] = [];
    store.onGone((id) => gone.push(id));
    const message = ana.direct(bo, "sealed");
    await take(message);
    const delivered = bo.receipt("delivered", [message.id]);
    await take(delivered);
    expect([store.ids(), gone, store.knows(message.id)]).toEqual([[delivered.id], [message.id], true]);
    expect(store.queries.inbox(bo.publicKey, 0)).toEqual([]);
    expect(await take(message)).toEqual({ state: "known", id: message.id });
    expect(stateOf(stand, message.id)).toMatchObject({ state: "delivered", gone: "delivered" });
    await take(bo.receipt("read", [message.id]));
    expect(stateOf(stand, message.id)?.state).toBe("read");
  });

  test("is not taken where its recipient's receipt came first, and not delivered a second time", async () => {
    const { store, take } = openStand();
    const message = ana.direct(bo, "sealed");
    await take(bo.receipt("read", [message.id]));
    expect(await take(message)).toEqual({ state: "known", id: message.id });
    expect(store.queries.inbox(bo.publicKey, 0)).toEqual([]);
    expect(store.queries.progress([message.id])).toMatchObject([{ state: "read" }]);
  });

  test("stays whoever else says that it has come, before and after it", async () => {
    const stand = openStand({ speaksFor });
    const { store, take } = stand;
    const message = ana.direct(bo, "sealed");
    await take(eve.receipt("delivered", [message.id]));
    expect(await take(message, STATION)).toMatchObject({ state: "new" });
    await take(ana.receipt("read", [message.id]));
    await take(box.receipt("delivered", [message.id]));
    await take(bo.receipt("delivered", [message.id], { as: "guest" }));
    expect(store.queries.inbox(bo.publicKey, 0).map(({ id }) => id)).toEqual([message.id]);
    expect(stateOf(stand, message.id)?.state).toBe("waiting");
  });

  test("is handed over when another box is known to have it", async () => {
    const stand = openStand();
    const { store, take } = stand;
    const [given, offered] = [ana.direct(bo, "one"), ana.direct(bo, "two")];
    await take(given, STATION);
    await take(offered, STATION);
    expect(stateOf(stand, given.id)).toEqual({ id: given.id, state: "waiting", note: "", boxes: 0 });
    const noting = [1, 2, 2].map((address) => store.noteHandedOver(given.id, { by: "lora", address }));
    store.flush();
    await Promise.all(noting);
    expect(stateOf(stand, given.id)).toMatchObject({ state: "handed-over", boxes: 2 });
    // Another box that offers it has it too.
    await take(offered, PEER);
    expect(stateOf(stand, offered.id)).toMatchObject({ state: "handed-over", boxes: 1 });
  });

  test("is read from the inbox in the order in which it came, each once", async () => {
    const { store, takeAll } = openStand();
    const messages = Array.from({ length: 5 }, (_, n) => ana.direct(bo, `${n}`));
    await takeAll([...messages, ana.direct(eve, "not bo's")]);
    const first = store.queries.inbox(bo.publicKey, 0, 3);
    const rest = store.queries.inbox(bo.publicKey, first.at(-1)?.order ?? 0);
    expect([...first, ...rest].map(({ id }) => id)).toEqual(messages.map(({ id }) => id));
    expect(store.queries.inbox(bo.publicKey, rest.at(-1)?.order ?? 0)).toEqual([]);
    // What somebody saw of a store that is no more was counted otherwise.
    expect(store.queries.inbox(bo.publicKey, 1_000_000)).toHaveLength(5);
  });
});

describe("a call for help", () => {
  test("has the state that members' boxes gave it, and no other's", async () => {
    const stand = openStand({ speaksFor });
    const { store, take } = stand;
    const sos = ana.sos("water rises");
    await take(sos);
    await take(stranger.receipt("closed", [sos.id], { note: "nothing here" }));
    await take(eve.receipt("closed", [sos.id]));
    expect(store.queries.sosBoard().items[0]).toMatchObject({ state: undefined, receipts: [] });
    await take(box.receipt("acknowledged", [sos.id], { note: "boat sent" }));
    expect(store.queries.sosBoard().items[0]).toMatchObject({ state: "acknowledged" });
    expect(stateOf(stand, sos.id)).toMatchObject({ state: "acknowledged", note: "boat sent" });
    await take(box.receipt("closed", [sos.id]));
    expect(store.queries.sosBoard().items).toEqual([]);
    expect(store.queries.sosBoard(true).items[0]?.receipts.map(({ state }) => state)).toEqual([
      "closed",
      "acknowledged",
    ]);
    expect(store.ids()).toContain(sos.id);
  });

  test("keeps what a member said of it behind many receipts that do not count", async () => {
    const { store, take, takeAll } = openStand({ speaksFor });
    const sos = ana.sos("water rises");
    await take(sos);
    await take(box.receipt("acknowledged", [sos.id], { note: "boat sent" }), PEER, 5_000);
    await takeAll(Array.from({ length: 200 }, () => stranger.receipt("closed", [sos.id])));
    expect(store.queries.receipts(sos.id).map(({ note }) => note)).toEqual(["boat sent"]);
  });

  test("that is open is found behind any number that are closed", async () => {
    const { store, take, takeAll } = openStand({ speaksFor });
    const open = ana.sos("first");
    await take(open, PEER, 60_000);
    const closed = Array.from({ length: 70 }, (_, n) => ana.sos(`closed ${n}`));
    await takeAll(closed);
    for (let from = 0; from < closed.length; from += 32) {
      await take(
        box.receipt(
          "closed",
          closed.slice(from, from + 32).map(({ id }) => id),
        ),
      );
    }
    expect(store.queries.sosBoard().items.map(({ held }) => held.id)).toEqual([open.id]);
    expect(store.queries.sosBoard(true, undefined, 100).items).toHaveLength(71);
  });
});

describe("a card", () => {
  test("gives way to a newer one of its key, also where that came first", async () => {
    const { store, take } = openStand();
    const [old, newer] = [ana.card("Ana", 1), ana.card("Ana M.", 2)];
    await take(old);
    await take(bo.card("Bo", 5));
    expect(store.queries.card(ana.publicKey)?.id).toBe(old.id);
    await take(newer);
    expect(store.queries.card(ana.publicKey)?.id).toBe(newer.id);
    expect(store.ids()).not.toContain(old.id);
    expect(await take(old)).toMatchObject({ state: "known" });
    const older = ana.card("Ana", 1);
    expect(await take(older)).toMatchObject({ state: "known" });
    expect(store.queries.cards("ana").items.map(({ id }) => id)).toEqual([newer.id]);
    expect(store.queries.cards("bo").items).toHaveLength(1);
    expect(store.queries.cards("").items).toEqual([]);
  });
});
