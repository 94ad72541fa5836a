import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { isRemoved } from "../../../../src/messages/custody/bundle-queries.ts";
import type { Held } from "../../../../src/messages/custody/custody.ts";
import type { Page } from "../../../../src/messages/custody/row-pages.ts";
import { openStand, PEER, STATION } from "./store-stand.ts";
import { Writer } from "./writers.ts";

const ana = new Writer(1);
const bo = new Writer(2);
const box = new Writer(90, "box");
const guest = new Writer(90, "guest");
const bodyless = ({ id }: { id: string }) => id;

/** All items of a list, page by page. */
function allPages<T>(page: (before: string | undefined) => Page<T>): T[] {
  const items: T[] = [];
  let before: string | undefined;
  for (let pages = 0; pages < 1_000; pages += 1) {
    const { items: more, next } = page(before);
    items.push(...more);
    if (next === undefined) return items;
    before = next;
  }
  throw new Error("the pages do not end");
}

describe("the posts of a room", () => {
  test("come newest first by when they were made, each on one page, though others come meanwhile", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.nat(100_000), { minLength: 1, maxLength: 60 }),
        fc.integer({ min: 1, max: 9 }),
        async (ages, limit) => {
          const { store, take, takeAll } = openStand();
          const posts = ages.map((ageMs, n) => ({ ageMs, ...ana.post(`${n}`) }));
          for (const post of posts) await take(post, PEER, post.ageMs);
          await takeAll([ana.post("elsewhere", "kitchen"), ana.checkIn("Ana")]);
          let isFirst = true;
          const seen = allPages((before) => {
            const page = store.queries.posts("square", before, limit);
            if (isFirst) void store.take(bo.post("meanwhile").encoded, 0, PEER);
            store.flush();
            isFirst = false;
            return page;
          }).filter((listed): listed is Held => !isRemoved(listed));
          expect(seen.map(bodyless).sort()).toEqual(posts.map(bodyless).sort());
          // To the second: that is how exact ages are.
          const seconds = seen.map(({ ageMs }) => Math.floor(ageMs / 1_000));
          for (const [at, age] of seconds.entries()) {
            expect(age).toBeGreaterThanOrEqual((seconds[at - 1] ?? 0) - 1);
          }
        },
      ),
      { numRuns: 20 },
    );
  });

  test("begin at the first page for a cursor that is none", async () => {
    const { store, take } = openStand();
    await take(ana.post("hello"));
    for (const cursor of ["", "x", "-1", "1e9", "9".repeat(40), "'; DROP TABLE bundle"]) {
      expect(store.queries.posts("square", cursor).items).toHaveLength(1);
    }
    expect(store.queries.posts("square", "0").items).toHaveLength(0);
    for (const limit of [-5, 0, 1.5])
      expect(store.queries.posts("square", undefined, limit).items).toHaveLength(1);
  });

  test("are counted by room", async () => {
    const { store, takeAll } = openStand();
    await takeAll([ana.post("1"), ana.post("2"), ana.post("3", "kitchen"), ana.sos("no post")]);
    expect(store.queries.rooms()).toEqual([
      { room: "kitchen", posts: 1 },
      { room: "square", posts: 2 },
    ]);
  });
});

describe("check-ins", () => {
  test("are shown once for a person, the newest by when it was made, whatever came last", async () => {
    const { store, take } = openStand();
    const [old, newest, middle] = [ana.checkIn("Ana"), ana.checkIn("Ana"), ana.checkIn("Ana")];
    await take(old, PEER, 90_000);
    await take(newest, PEER, 1_000);
    await take(middle, PEER, 50_000);
    await take(bo.checkIn("Ana"), PEER, 70_000);
    const shown = store.queries.checkIns("ana").items;
    expect(shown.map(({ bundle }) => Buffer.from(bundle.sender.key).toString("hex"))).toEqual([
      ana.hex,
      bo.hex,
    ]);
    expect(shown[0]?.id).toBe(newest.id);
    expect(store.queries.checkIns("").items.map(bodyless)).toEqual(shown.map(bodyless));
  });

  test("give way to the one before them when they expire", async () => {
    const { store, take, pass } = openStand();
    const [old, brief] = [ana.checkIn("Ana"), ana.checkIn("Ana", { lifetimeS: 60 })];
    await take(old, PEER, 30_000);
    await take(brief);
    expect(store.queries.checkIns("ana").items.map(bodyless)).toEqual([brief.id]);
    await pass(61_000);
    expect(store.queries.checkIns("ana").items.map(bodyless)).toEqual([old.id]);
  });

  test("of guests, who have no key of their own, hide no other guest's of the same name and place", async () => {
    const { store, takeAll, take } = openStand();
    const real = guest.checkIn("Maria Silva", { place: "School" });
    await take(real, STATION, 5_000);
    const others = ["School", "school", ""].map((place) => guest.checkIn("maria silva", { place }));
    await takeAll(others, { by: "guest", station: "02:00:00:00:00:66" });
    const shown = store.queries.checkIns("maria").items.map(({ id }) => id);
    expect(shown.sort()).toEqual([real, ...others].map(({ id }) => id).sort());
    expect(store.queries.checkIns("").items).toHaveLength(4);
  });

  test("are found by any part of a name, without accents and case, in many scripts", async () => {
    const { store, takeAll } = openStand();
    const names = [
      "María José Núñez",
      "Łukasz Öztürk",
      "王小明",
      "محمّد عليّ",
      "Ђорђе Ивановић",
      "김철수",
      "राम",
      "O'Neill",
    ];
    await takeAll(names.map((name, n) => new Writer(100 + n).checkIn(name)));
    const found = (query: string) => {
      const items = store.queries.checkIns(query).items;
      return items.map(
        ({ bundle }) => names[Number(keys.indexOf(Buffer.from(bundle.sender.key).toString("hex")))],
      );
    };
    const keys = names.map((_, n) => new Writer(100 + n).hex);
    for (const [query, name] of [
      ["maria", "María José Núñez"],
      ["NUNEZ", "María José Núñez"],
      ["nunez mar", "María José Núñez"],
      ["jos", "María José Núñez"],
      ["lukasz", "Łukasz Öztürk"],
      ["ozt", "Łukasz Öztürk"],
      ["小", "王小明"],
      ["小明", "王小明"],
      ["王小明", "王小明"],
      ["محمد", "محمّد عليّ"],
      ["على", "محمّد عليّ"],
      ["ивано", "Ђорђе Ивановић"],
      ["김", "김철수"],
      ["철수", "김철수"],
      ["राम", "राम"],
      ["neill", "O'Neill"],
      ["oneill", "O'Neill"],
      ["o'n", "O'Neill"],
    ] as const) {
      expect([query, found(query)]).toEqual([query, [name]]);
    }
    expect(found("nobody")).toEqual([]);
    expect(store.queries.checkIns("  ' \" * ( ").items).toHaveLength(names.length);
  });

  test("are not found by a name of which they have the parts alone", async () => {
    const { store, takeAll } = openStand();
    const [parts, whole] = [ana.checkIn("aba bab"), bo.checkIn("xababx")];
    await takeAll([parts, whole]);
    expect(store.queries.checkIns("abab").items.map(bodyless)).toEqual([whole.id]);
    expect(store.queries.checkIns("bab aba").items).toHaveLength(2);
  });

  test("found by a name are just those in which its words are, on all pages", async () => {
    const letters = fc.array(fc.constantFrom("a", "b", "ß", "王", " "), { minLength: 1, maxLength: 6 });
    const name = letters.map((chosen) => chosen.join("").trim()).filter((text) => text !== "");
    await fc.assert(
      fc.asyncProperty(fc.array(name, { minLength: 1, maxLength: 40 }), name, async (names, query) => {
        const { store, takeAll } = openStand();
        const written = names.map((text, n) => ({ text, ...new Writer(200 + n).checkIn(text) }));
        await takeAll(written);
        const plain = (text: string) => text.replaceAll("ß", "ss");
        const expected = written.filter(({ text }) =>
          query.split(/ +/).every((word) => plain(text).includes(plain(word))),
        );
        const found = allPages((before) => store.queries.checkIns(query, before, 3));
        expect(found.map(bodyless).sort()).toEqual(expected.map(bodyless).sort());
      }),
      { numRuns: 40 },
    );
  });
});

describe("other lists", () => {
  test("have notices, what is for outside, bundles of a kind and what came after an order", async () => {
    const { store, takeAll } = openStand();
    const notice = box.notice("water at noon");
    const outside = ana.checkIn("Ana", { to: { kind: "outside", uri: "mailto:bo@example.org" } });
    const lookup = ana.write(
      "lookup",
      { of: "name", name: "Bo" },
      { to: { kind: "service", service: "directory" } },
    );
    await takeAll([notice, outside, lookup]);
    expect(store.queries.notices().items.map(bodyless)).toEqual([notice.id]);
    expect(store.queries.outside().map(bodyless)).toEqual([outside.id]);
    expect(store.queries.checkIns("").items).toEqual([]);
    expect(store.queries.checkIns("ana").items).toEqual([]);
    expect(store.queries.ofKind("lookup").items.map(bodyless)).toEqual([lookup.id]);
    const order = store.get(notice.id)?.order ?? 0;
    expect(store.queries.since(order).map(bodyless)).toEqual([outside.id, lookup.id]);
    expect(store.queries.since(order + 2)).toEqual([]);
    expect(store.queries.newestOrder()).toBe(order + 2);
  });

  test("leave out what has expired and was not taken off yet", async () => {
    const { store, take, clocks } = openStand();
    const post = ana.post("short", "square", { lifetimeS: 10 });
    const message = ana.direct(bo, "short", { lifetimeS: 10 });
    await take(post);
    await take(message);
    // Nothing reaches the medium meanwhile.
    clocks.time.advance(10_500);
    expect(store.queries.posts("square").items).toEqual([]);
    expect(store.queries.inbox(bo.publicKey, 0)).toEqual([]);
    expect(store.get(post.id)).toBeUndefined();
  });
});
