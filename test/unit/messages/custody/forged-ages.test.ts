import { describe, expect, test } from "bun:test";
import { openStand, PEER } from "./store-stand.ts";
import { Writer } from "./writers.ts";

const ana = new Writer(1);
const LIAR = { by: "lora", address: 7 } as const;
const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
const WEEK_MS = 7 * DAY_MS;

describe("a bundle that came with a forged age", () => {
  test("has the age of a younger copy that comes while it is here", async () => {
    const { store, take, pass } = openStand();
    const [sos, checkIn, card] = [ana.sos("help"), ana.checkIn("Ana"), ana.card("Ana", 1)];
    for (const one of [sos, checkIn, card]) await take(one, LIAR, WEEK_MS - MINUTE_MS);
    for (const one of [sos, checkIn, card])
      expect(await take(one, PEER, 0)).toMatchObject({ state: "known" });
    await pass(DAY_MS);
    expect(store.get(sos.id)?.ageMs).toBe(DAY_MS);
    expect(store.queries.checkIns("ana").items.map(({ id }) => id)).toEqual([checkIn.id]);
    expect(store.queries.cards("ana").items.map(({ id }) => id)).toEqual([card.id]);
    await pass(WEEK_MS - DAY_MS);
    expect(store.ids()).toEqual([]);
    expect(store.queries.checkIns("ana").items).toEqual([]);
  });

  test("comes again with a younger copy when it has expired by it", async () => {
    const { store, take, pass } = openStand();
    const sos = ana.sos("help");
    await take(sos, LIAR, WEEK_MS - 1_000);
    await pass(2 * MINUTE_MS);
    expect([store.get(sos.id), store.knows(sos.id)]).toEqual([undefined, false]);
    expect(await take(sos, PEER, 5 * MINUTE_MS)).toEqual({ state: "new", id: sos.id });
    expect(store.get(sos.id)?.ageMs).toBe(5 * MINUTE_MS);
  });

  test("is never younger than it has been known here, whoever says so and however often", async () => {
    const { store, take, pass } = openStand();
    const sos = ana.sos("help");
    await take(sos);
    for (let day = 1; day < 7; day += 1) {
      await pass(DAY_MS);
      await take(sos, LIAR, 0);
      expect(store.get(sos.id)?.ageMs).toBe(day * DAY_MS);
    }
    await pass(DAY_MS);
    expect(store.knows(sos.id)).toBe(true);
    expect(await take(sos, LIAR, 0)).toEqual({ state: "known", id: sos.id });
  });

  test("of which a younger copy comes leaves an older one of the same person behind it", async () => {
    const { store, take } = openStand();
    const [first, second] = [ana.checkIn("Ana"), ana.checkIn("Ana")];
    await take(second, LIAR, 3 * DAY_MS);
    await take(first, PEER, DAY_MS);
    expect(store.queries.checkIns("ana").items.map(({ id }) => id)).toEqual([first.id]);
  });
});
