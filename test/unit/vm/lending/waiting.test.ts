import { afterEach, describe, expect, test } from "bun:test";
import type { LenderNews, LenderOptions } from "../../../../src/vm/lending/index.ts";
import { scratchFolders } from "../../scratch.ts";
import { idOf, local, member, NOON, policy, rule, stranger } from "../admission/fixed-case.ts";
import { endsIn } from "../leases/store-stand.ts";
import { Asker } from "./asker.ts";
import { eventually, lending } from "./played-ground.ts";

const scratch = scratchFolders();
const counts = { atOnce: 1, perRequester: 4, perSource: 16, waiting: 4 };
const full = policy({ accept: "all", counts });
const NETWORKLESS = { network: undefined };

describe("who waits for a machine", () => {
  let stand: ReturnType<typeof lending>;
  const [ana, bo, cy, di] = [1, 2, 3, 4].map((number) => new Asker(number)) as [Asker, Asker, Asker, Asker];
  /** Who is kept alive every second that passes, and by whom. */
  let alive = new Map<number, Asker>();
  const told = new Map<number, LenderNews[]>();

  async function start(more: Partial<LenderOptions> = {}) {
    stand = lending(scratch(), { policy: full, ...more });
    alive = new Map();
    told.clear();
    await stand.lender.start();
    return stand;
  }
  afterEach(async () => {
    stand.played.failing.clear();
    await stand.lender.stop();
    stand.store.close();
    stand.journal.close();
  });

  /** Asks, listens, and keeps alive from then on. */
  async function ask(
    who: Asker,
    number: number,
    { source = member, ...rest }: Parameters<Asker["asks"]>[1] & { source?: typeof member } = {},
  ) {
    const news: LenderNews[] = told.get(number) ?? [];
    if (!told.has(number)) stand.lender.events(idOf(number), (one) => news.push(one));
    told.set(number, news);
    const answer = await stand.lender.request(who.asks(number, rest), source);
    alive.set(number, who);
    return answer;
  }
  async function seconds(count: number, stepMs = 1_000) {
    for (let passed = 0; passed < count * 1_000; passed += stepMs) {
      for (const [number, who] of alive) await stand.lender.command(who.keepsAlive(number));
      stand.clocks.time.advance(stepMs);
      await Bun.sleep(0);
    }
  }
  const release = (who: Asker, number: number) => {
    alive.delete(number);
    return stand.lender.command(who.releases(number));
  };
  const isGiven = (number: number) => () => told.get(number)?.some(({ is }) => is === "running") ?? false;
  const places = (number: number) =>
    told.get(number)?.flatMap((news) => (news.is === "waiting" ? [news.place] : []));
  const endOf = (number: number) => told.get(number)?.find((news) => news.is === "ended");
  const journalled = (kind: string) =>
    stand.journal
      .tail(1_000)
      .filter((entry) => entry.kind === kind)
      .toReversed();

  test("is told where they stand and why, moves up, and is given one when there is room", async () => {
    const { lender, played } = await start();
    expect(await ask(ana, 1)).toMatchObject({ is: "admitted" });
    expect(await ask(bo, 2)).toEqual({ is: "queued", why: "All that this box lends is lent." });
    await ask(cy, 3);
    expect([places(2), places(3)]).toEqual([[1], [2]]);
    expect(told.get(2)).toEqual([{ is: "waiting", why: "All that this box lends is lent.", place: 1 }]);
    await eventually("the first runs", isGiven(1));
    await release(ana, 1);
    await eventually("the second runs", isGiven(2));
    expect(told.get(2)?.[1]).toMatchObject({ is: "admitted", tunnel: { endpoint: { port: 24_700 } } });
    expect(places(3)).toEqual([2, 1]);
    await release(bo, 2);
    await eventually("the third runs", isGiven(3));
    expect(lender.waiting()).toEqual([]);
    expect(played.calls.filter((call) => call === "up")).toHaveLength(3);
  });

  test("goes behind who is worth more, whoever came first", async () => {
    await start();
    await ask(ana, 1, { source: local });
    await ask(bo, 2, { ...NETWORKLESS, source: stranger });
    await ask(cy, 3);
    await ask(di, 4, { ...NETWORKLESS, source: stranger });
    expect([places(2), places(3), places(4)]).toEqual([[1, 2], [1], [3]]);
    await release(ana, 1);
    await eventually("the member's runs", isGiven(3));
    expect(stand.lender.waiting().map(({ request }) => request.id)).toEqual([idOf(2), idOf(4)]);
  });

  test("is not passed by a request that comes just when there is room", async () => {
    await start();
    await ask(ana, 1);
    await eventually("the first runs", isGiven(1));
    await ask(bo, 2);
    await release(ana, 1);
    await eventually("the first is gone", () => stand.lender.live().length === 0 || isGiven(2)());
    expect(await ask(cy, 3)).toMatchObject({ is: "queued" });
    await eventually("the second runs", isGiven(2));
  });

  test("for the operator gets one by their yes, and their no with its reason", async () => {
    await start({ policy: policy({ accept: "ask", counts: { ...counts, atOnce: 4 } }) });
    expect(await ask(ana, 1)).toEqual({ is: "queued", why: "The operator of this box is asked." });
    await ask(bo, 2);
    expect(await stand.lender.operatorSays(idOf(9), "yes")).toBe(false);
    expect(await stand.lender.operatorSays(idOf(2), "yes")).toBe(true);
    await eventually("the approved runs", isGiven(2));
    expect(await stand.lender.operatorSays(idOf(1), "no")).toBe(true);
    expect(endOf(1)).toMatchObject({
      outcome: "refused",
      why: "The operator of this box has refused it.",
    });
    expect(stand.lender.waiting()).toEqual([]);
  });

  test("with the operator's yes waits on where there is no room, from when they came", async () => {
    await start({
      policy: policy({ accept: "all", counts, rules: [rule({ requester: bo.publicKey, verdict: "ask" })] }),
    });
    await ask(ana, 1);
    await ask(bo, 2);
    await ask(cy, 3);
    expect([places(2), places(3)]).toEqual([[1], [1]]);
    await stand.lender.operatorSays(idOf(2), "yes");
    expect([places(2), places(3)]).toEqual([
      [1, 1],
      [1, 2],
    ]);
    await release(ana, 1);
    await eventually("the approved runs", isGiven(2));
  });

  test("out the quiet hours gets one when they end, without anybody's doing", async () => {
    let minute = 5 * 60 + 50;
    await start({
      policy: policy({ accept: "all", counts, quietHours: { from: 22 * 60, to: 6 * 60 } }),
      localMinuteOfDay: () => minute,
    });
    expect(await ask(ana, 1)).toEqual({
      is: "queued",
      why: "This box lends nothing from 22:00 to 06:00 of its time.",
    });
    await seconds(20);
    expect(stand.lender.live()).toEqual([]);
    minute = 6 * 60;
    await seconds(6);
    await eventually("it runs", isGiven(1));
  });

  test("is out by their own word, and by silence; who is heard of is not", async () => {
    const { lender } = await start();
    await ask(ana, 1);
    await ask(bo, 2);
    await ask(cy, 3);
    await ask(di, 4);
    expect(await release(bo, 2)).toEqual({ is: "done" });
    expect(endOf(2)).toMatchObject({ outcome: "released" });
    alive.delete(3);
    await seconds(16);
    expect(endOf(3)).toMatchObject({ outcome: "silent" });
    expect(lender.waiting().map(({ request }) => request.id)).toEqual([idOf(4)]);
    expect(places(4)).toEqual([3, 2, 1]);
    expect(await lender.command(bo.keepsAlive(2))).toEqual({ is: "unknown" });
  });

  test("is out by nobody else's word", async () => {
    const { lender } = await start();
    await ask(ana, 1);
    await ask(bo, 2);
    expect(await lender.command(ana.releases(2))).toEqual({ is: "unknown" });
    expect(await lender.command(cy.releases(2))).toEqual({ is: "unknown" });
    expect(lender.waiting()).toHaveLength(1);
  });

  test("are no more than may", async () => {
    await start();
    await ask(ana, 1);
    for (const number of [2, 3, 4, 5])
      expect(await ask(new Asker(number), number)).toMatchObject({ is: "queued" });
    expect(await ask(new Asker(6), 6)).toEqual({ is: "refused", why: "Too many wait already." });
    expect(stand.lender.waiting()).toHaveLength(4);
  });

  test("asks again and is answered as before, keeps their place, and is served once", async () => {
    const { lender, played } = await start();
    await ask(ana, 1);
    const bytes = bo.asks(2);
    const first = await lender.request(bytes, member);
    alive.set(2, bo);
    await ask(cy, 3);
    expect(await lender.request(bytes, member)).toEqual(first);
    expect(lender.waiting().map(({ request }) => request.id)).toEqual([idOf(2), idOf(3)]);
    await release(ana, 1);
    await eventually("it is given", () => lender.live().some(({ id }) => id === idOf(2)));
    expect(await lender.request(bytes, member)).toMatchObject({ is: "admitted" });
    await eventually("it is made", () => played.calls.filter((call) => call === "prepare").length >= 2);
    expect(played.calls.filter((call) => call === "up")).toHaveLength(2);
  });

  test("and has given up is not let in by the same request once more", async () => {
    const { lender } = await start();
    await ask(ana, 1);
    const bytes = bo.asks(2);
    await lender.request(bytes, member);
    await release(bo, 2);
    expect(await lender.request(bytes, member)).toMatchObject({ is: "refused" });
  });

  test("hears of an admission that nobody was there to hear", async () => {
    const { lender } = await start();
    await ask(ana, 1);
    await lender.request(bo.asks(2), member);
    const early: LenderNews[] = [];
    lender.events(idOf(2), (news) => early.push(news))();
    expect(early).toEqual([{ is: "waiting", why: "All that this box lends is lent.", place: 1 }]);
    alive.set(2, bo);
    await release(ana, 1);
    await eventually("it is given", () => lender.leases()[0]?.lease.state.phase === "running");
    const late: LenderNews[] = [];
    lender.events(idOf(2), (news) => late.push(news));
    expect(late.map(({ is }) => is)).toEqual(["admitted", "running"]);
  });

  test("is told when the box stops, and a next daemon knows nothing of them", async () => {
    const { lender } = await start();
    await ask(ana, 1);
    await ask(bo, 2);
    await lender.stop();
    expect(endOf(2)).toMatchObject({ outcome: "host", why: "the box stops lending" });
    expect(endsIn(stand.journal).map(({ subject }) => subject)).toContain(idOf(2));
    expect(await ask(cy, 3)).toMatchObject({ is: "refused" });
    await lender.start();
    expect(await lender.command(bo.keepsAlive(2))).toEqual({ is: "unknown" });
  });

  test("gives up while room is made: nothing is begun for them", async () => {
    const { lender, played } = await start();
    await ask(ana, 1, { ...NETWORKLESS, source: stranger });
    await eventually("the stranger's runs", isGiven(1));
    played.failing.set("down", "namespace: cannot be removed");
    const asking = ask(bo, 2);
    await eventually("room is being made", () => played.calls.includes("down"));
    await release(bo, 2);
    played.failing.clear();
    await eventually("it is gone", () => {
      stand.clocks.time.advance(1_000);
      return lender.live().length === 0;
    });
    await asking;
    expect(endOf(2)).toMatchObject({ outcome: "released" });
    expect(played.calls.filter((call) => call === "up")).toHaveLength(1);
  });

  test("loses their machine and their place when the operator blocks them, and is unblocked again", async () => {
    let blocked: string[] = [];
    const { lender } = await start({ blocked: () => blocked });
    await ask(ana, 1);
    await ask(ana, 2);
    await ask(bo, 3);
    await eventually("the first runs", isGiven(1));
    blocked = [ana.publicKey];
    await lender.blockedHasChanged();
    expect(endOf(2)).toMatchObject({
      outcome: "refused",
      why: "The operator of this box lends you nothing.",
    });
    await eventually("the next runs", isGiven(3));
    expect(endOf(1)).toMatchObject({ outcome: "host" });
    expect(await ask(ana, 4)).toMatchObject({ is: "refused" });
    blocked = [];
    expect(await ask(ana, 5)).toMatchObject({ is: "queued" });
  });

  test("is ended by the operator, and so is a machine", async () => {
    const { lender } = await start();
    await ask(ana, 1);
    await ask(bo, 2);
    expect(await lender.operatorEnds(idOf(2))).toBe(true);
    expect(endOf(2)).toMatchObject({ outcome: "refused" });
    expect(await lender.operatorEnds(idOf(1))).toBe(true);
    await eventually("it is over", () => lender.live().length === 0);
    expect(endOf(1)).toMatchObject({ outcome: "host", why: "the operator of the box has ended it" });
    expect(await lender.operatorEnds(idOf(1))).toBe(false);
  });

  test("is decided on in the journal each time, with what it is for", async () => {
    const rules = [rule({ requester: bo.publicKey, verdict: "ask" })];
    await start({
      policy: policy({ accept: "all", counts, rules, activity: { minChars: 5, refused: ["coin"] } }),
    });
    await ask(ana, 1, { activity: "Render a map" });
    await ask(bo, 2, { activity: "Count herons" });
    await ask(cy, 3, { activity: "Mine a coin" });
    await seconds(12);
    await stand.lender.operatorSays(idOf(2), "yes");
    await release(ana, 1);
    await eventually("it runs", isGiven(2));
    const kinds = ["lease-allowed", "lease-asked", "lease-queued", "lease-denied", "lease-approved"];
    const found = kinds.flatMap((kind) =>
      journalled(kind).map(({ subject, detail }) => [kind, subject, detail.activity]),
    );
    expect(found).toEqual([
      ["lease-allowed", idOf(1), "Render a map"],
      ["lease-allowed", idOf(2), "Count herons"],
      ["lease-asked", idOf(2), "Count herons"],
      ["lease-queued", idOf(2), "Count herons"],
      ["lease-denied", idOf(3), "Mine a coin"],
      ["lease-approved", idOf(2), "Count herons"],
    ]);
  });

  test("has the reputation that their own leases here have left", async () => {
    const rules = [rule({ reputation: { least: 0, most: 40 } })];
    const { lender, journal } = await start({ policy: policy({ accept: "all", counts, rules }) });
    await ask(ana, 1);
    await eventually("it runs", isGiven(1));
    const evidence = { proto: "udp", src: "10.0.2.15", dst: "192.0.2.9", port: 53 };
    await lender.onRogue({
      ...{ lease: idOf(1), kind: "rogue", offence: "destination", evidence },
      ...{ packets: 500, atMs: 1_000 },
    });
    await eventually("it is punished", () => endsIn(journal).length > 0 && lender.live().length === 0);
    expect(await ask(ana, 2)).toEqual({ is: "refused", why: "Rule 1 of this box refuses you." });
    expect(await ask(bo, 3)).toMatchObject({ is: "admitted" });
    expect(journalled("lease-denied")[0]?.detail).toMatchObject({ source: { reputation: 25 } });
  });

  test("is told before anything begins that operators may look inside", async () => {
    const { lender } = await start({ policy: policy({ accept: "all", operatorsInspect: true }) });
    const refused = await ask(ana, 1, { acceptsInspection: false });
    expect(refused).toMatchObject({ is: "refused" });
    expect(refused).toHaveProperty(
      "why",
      "The operators of this box may look inside its machines, and you have not agreed to it.",
    );
    expect(lender.live()).toEqual([]);
    expect(await ask(ana, 2, { acceptsInspection: true })).toMatchObject({ is: "admitted" });
  });

  test("may be as many as there are ports at the most", async () => {
    await start({
      policy: policy({ accept: "all", counts: { ...counts, atOnce: 9 } }),
      localMinuteOfDay: () => NOON,
      ports: { first: 24_700, last: 24_701 },
    });
    for (const number of [1, 2])
      expect(await ask(new Asker(number), number)).toMatchObject({ is: "admitted" });
    expect(await ask(new Asker(3), 3)).toMatchObject({ is: "queued" });
  });
});
