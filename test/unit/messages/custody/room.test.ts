import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { PRIORITIES, type Priority } from "../../../../src/messages/bundle/bundle.ts";
import type { Source } from "../../../../src/messages/custody/custody.ts";
import { type Limits, nextStep, type Usage, type Used } from "../../../../src/messages/custody/room.ts";
import { ROW_BYTES } from "../../../../src/messages/custody/store-schema.ts";
import { openStand, PEER, STATION } from "./store-stand.ts";
import { Writer, type Written } from "./writers.ts";

const OPEN = {
  holder: 1,
  source: { guest: 1, box: 1, lora: 1, folder: 1, self: 1 },
  classes: { sos: 1, "check-in": 1, direct: 1, room: 1, background: 1 },
};
const limits: Limits = { maxBytes: 1_000, maxBundles: 100, shares: OPEN };

const none = (): Used[] => PRIORITIES.map(() => ({ bytes: 0, bundles: 0 }));
function holding(bytes: Partial<Record<Priority, number>>): Used[] {
  return PRIORITIES.map((priority) => ({ bytes: bytes[priority] ?? 0, bundles: bytes[priority] ? 1 : 0 }));
}
const usage = (changes: Partial<Usage> = {}): Usage => ({
  all: none(),
  holder: none(),
  source: none(),
  ...changes,
});
const incoming = (priority: Priority, bytes = 100) => ({ priority, bytes, by: "box" as const });

describe("the next step to room", () => {
  test("is to take what there is room for, to the last byte and the last bundle", () => {
    expect(nextStep(incoming("room"), usage({ all: holding({ room: 900 }) }), limits)).toEqual({
      do: "take",
    });
    expect(nextStep(incoming("room"), usage({ all: holding({ room: 901 }) }), limits).do).toBe("evict");
    const many = none().map((used, rank) => (rank === 4 ? { bytes: 100, bundles: 100 } : used));
    expect(nextStep(incoming("room"), usage({ all: many }), limits)).toMatchObject({ do: "evict" });
  });

  test("is to let the least important go first", () => {
    const all = holding({ sos: 300, direct: 300, background: 400 });
    expect(nextStep(incoming("sos"), usage({ all }), limits)).toMatchObject({ priority: "background" });
    const noPhotos = holding({ sos: 300, direct: 700 });
    expect(nextStep(incoming("sos"), usage({ all: noPhotos }), limits)).toMatchObject({ priority: "direct" });
  });

  test("lets who has their share make room of their own less important ones, or refuses", () => {
    const shares = { ...OPEN, holder: 0.2 };
    const some = usage({ holder: holding({ room: 150 }) });
    expect(nextStep(incoming("sos"), some, { ...limits, shares })).toEqual({
      do: "evict",
      priority: "room",
      whose: "holder",
    });
    expect(nextStep(incoming("room"), some, { ...limits, shares })).toMatchObject({
      do: "refuse",
      reason: "quota",
    });
  });

  test("lets a class that has its share make room in itself, whatever is less important", () => {
    const shares = { ...OPEN, classes: { ...OPEN.classes, sos: 0.3 } };
    const all = holding({ sos: 250, background: 100 });
    expect(nextStep(incoming("sos"), usage({ all }), { ...limits, shares })).toEqual({
      do: "evict",
      priority: "sos",
      whose: "all",
    });
  });

  test("never lets a higher class go for a lower", () => {
    const bytes = fc.array(fc.record({ bytes: fc.nat(500), bundles: fc.nat(50) }), {
      minLength: 5,
      maxLength: 5,
    });
    fc.assert(
      fc.property(
        fc.constantFrom(...PRIORITIES),
        fc.nat(1_200),
        bytes,
        bytes,
        bytes,
        (priority, size, all, holder, source) => {
          const shares = { ...OPEN, holder: 0.4, source: { ...OPEN.source, box: 0.6 } };
          const step = nextStep(incoming(priority, size), { all, holder, source }, { ...limits, shares });
          if (step.do !== "evict") return;
          expect(PRIORITIES.indexOf(step.priority)).toBeGreaterThanOrEqual(PRIORITIES.indexOf(priority));
        },
      ),
    );
  });
});

const people = Array.from({ length: 4 }, (_, n) => new Writer(n + 1));
const box = new Writer(90, "box");
const sources: Source[] = [PEER, STATION, { by: "lora", address: 1 }, { by: "folder", label: "stick" }];

interface Arrival {
  priority: Priority;
  who: number;
  source: number;
  length: number;
  ageMs: number;
}

function written({ priority, who, length }: Arrival): Written {
  const writer = people[who % people.length] ?? box;
  const text = "x".repeat(length);
  switch (priority) {
    case "sos":
      return writer.sos(text);
    case "check-in":
      return writer.checkIn("Ana", { place: "x".repeat(Math.min(120, length)) });
    case "direct":
      return writer.direct(box, text, { isSigned: length % 2 === 0 });
    case "room":
      return writer.post(text);
    case "background":
      return writer.post(text, "square", { priority });
  }
}

const arrival = fc.record({
  priority: fc.constantFrom(...PRIORITIES),
  who: fc.nat(3),
  source: fc.nat(3),
  length: fc.integer({ min: 1, max: 900 }),
  ageMs: fc.nat(600_000),
});

describe("a full store", () => {
  test("keeps to its bytes, lets no higher class go for a lower, and loses nothing else that it acknowledged", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(arrival, { minLength: 1, maxLength: 6 }), { maxLength: 25 }),
        fc.integer({ min: 4, max: 20 }),
        async (commits, places) => {
          const maxBytes = places * 2 * ROW_BYTES;
          const shares = { ...OPEN, holder: 0.5, source: { ...OPEN.source, guest: 0.5, box: 0.8 } };
          const { store, take } = openStand({ maxBytes, maxBundles: places, shares });
          const here = new Map<string, Priority>();
          let gone: string[] = [];
          store.onGone((id) => gone.push(id));
          for (const one of commits.flat()) {
            const bundle = written(one);
            gone = [];
            const answer = await take(bundle, sources[one.source], one.ageMs);
            for (const id of gone) {
              const lost = here.get(id);
              expect(lost).toBeDefined();
              expect(PRIORITIES.indexOf(lost ?? "sos")).toBeGreaterThanOrEqual(
                PRIORITIES.indexOf(one.priority),
              );
              here.delete(id);
            }
            if (answer.state === "new") here.set(bundle.id, one.priority);
            else expect([answer, gone]).toMatchObject([{ state: "refused" }, []]);
            expect(store.ids()).toEqual([...here.keys()].sort());
            const { bytes, held } = store.usage();
            expect(bytes).toBeLessThanOrEqual(maxBytes);
            expect(Object.values(held).reduce((sum, count) => sum + count)).toBe(here.size);
          }
        },
      ),
      { numRuns: 30 },
    );
    // On a machine that is busy with other tests too.
  }, 30_000);

  test("counts in its tables what it holds, whatever comes and goes", async () => {
    const { store, take, takeAll } = openStand({ maxBytes: 40 * ROW_BYTES, shares: OPEN });
    const posts = Array.from({ length: 30 }, (_, n) => people[n % 4]?.post(`${n}`) ?? box.post(""));
    await takeAll(posts);
    for (const { id } of posts.slice(0, 8))
      await take(people[posts.findIndex((post) => post.id === id) % 4]?.removal(id) ?? box.removal(id));
    const sizes = [...store.outline()].map(({ bytes }) => bytes + ROW_BYTES);
    const traces = store.queries
      .posts("square", undefined, 200)
      .items.filter((listed) => "removed" in listed).length;
    expect(traces).toBeGreaterThan(0);
    expect(store.usage().bytes).toBe(sizes.reduce((sum, bytes) => sum + bytes, traces * ROW_BYTES));
  });

  test("takes from who holds most of the class, their oldest first", async () => {
    const [ana, bo] = [people[0] ?? box, people[1] ?? box];
    const { store, take } = openStand({ maxBytes: 1_000_000, maxBundles: 5, shares: OPEN });
    const old = [ana.post("oldest"), ana.post("old"), ana.post("new")];
    for (const [n, post] of old.entries()) await take(post, PEER, 90_000 - n * 30_000);
    const bos = [bo.post("first of all"), bo.post("second")];
    for (const post of bos) await take(post, PEER, 200_000);
    await take(new Writer(50).post("third person"));
    expect(store.ids()).toHaveLength(5);
    expect(store.ids()).not.toContain(old[0]?.id);
    for (const { id } of bos) expect(store.ids()).toContain(id);
  });

  test("lets many keys that come by one way push out what came by it, and neither others' calls nor those written here", async () => {
    const real = Array.from({ length: 20 }, (_, n) => new Writer(5).sos(`real ${n}`));
    const here = new Writer(6, "guest").sos("written here");
    const { store, take, takeAll } = openStand({ maxBytes: 400_000 });
    await take(here, STATION, 90_000);
    await takeAll(real, PEER, 60_000);
    const stick: Source = { by: "folder", label: "stick" };
    for (let n = 0; n < 300; n += 1) await take(new Writer(1_000 + n).sos("fake"), stick);
    expect([here, ...real].filter(({ id }) => store.get(id) === undefined)).toEqual([]);
    // Who comes by another way still has a place.
    expect(await take(new Writer(7).sos("another"), { by: "lora", address: 3 })).toMatchObject({
      state: "new",
    });
    expect(store.usage().held.sos).toBeGreaterThan(100);
  });

  test("takes nothing from elsewhere in place of what was written here", async () => {
    const { store, take } = openStand({ maxBytes: 1_000_000, maxBundles: 5, shares: OPEN });
    const guests = Array.from({ length: 5 }, (_, n) => new Writer(6, "guest").post(`${n}`));
    for (const post of guests) await take(post, STATION, 90_000);
    expect(await take(new Writer(7).post("newer"))).toMatchObject({ state: "refused", reason: "full" });
    expect(await take(new Writer(6, "guest").post("mine"), STATION)).toMatchObject({ state: "new" });
    expect(store.ids()).toHaveLength(5);
    expect(await take(new Writer(7).sos("more important"))).toMatchObject({ state: "new" });
  });

  test("does not take again at once what had to go, and does when there is room", async () => {
    const ana = people[0] ?? box;
    const { store, take, pass } = openStand({ maxBytes: 1_000_000, maxBundles: 10, shares: OPEN });
    const first = ana.post("first", "square", { lifetimeS: 10_000 });
    await take(first, PEER, 1_000);
    const urgent = Array.from({ length: 10 }, (_, n) => ana.sos(`${n}`, { lifetimeS: 100 }));
    for (const sos of urgent) await take(sos);
    // Nobody may be told that it is known: they would let go of it.
    const said = () => [store.ids().includes(first.id), store.knows(first.id), store.isShutOut(first.id)];
    expect(said()).toEqual([false, false, true]);
    expect(await take(first)).toMatchObject({ state: "refused", reason: "full" });
    await pass(101_000);
    expect(said()).toEqual([false, false, false]);
    expect(await take(first, PEER, 102_000)).toMatchObject({ state: "new" });
    expect(store.get(first.id)?.ageMs).toBe(102_000);
  });

  test("counts guests without a key by their station, and those of another box by that box", async () => {
    const guest = new Writer(90, "guest");
    const maxBytes = 100 * ROW_BYTES;
    const { take } = openStand({ maxBytes, shares: { ...OPEN, holder: 0.05 } });
    const from = (station: string): Source => ({ by: "guest", station });
    const answers: string[] = [];
    for (let n = 0; n < 5; n += 1) answers.push((await take(guest.post(`${n}`), from("02:01"))).state);
    expect(answers).toEqual(["new", "new", "new", "new", "refused"]);
    expect(await take(guest.post("another station"), from("02:02"))).toMatchObject({ state: "new" });
    const other = new Writer(91, "guest");
    for (let n = 0; n < 4; n += 1)
      expect(await take(other.post(`${n}`), PEER)).toMatchObject({ state: "new" });
    expect(await take(other.post("5"), PEER)).toMatchObject({ state: "refused", reason: "quota" });
    // Who has their share can still call for help.
    expect(await take(guest.sos("help"), from("02:01"))).toMatchObject({ state: "new" });
  });

  test("counts what is not signed against nobody but the name that it bears, where it comes from", async () => {
    const [ana, bo] = [people[0] ?? box, people[1] ?? box];
    const { store, take } = openStand({ maxBytes: 100 * ROW_BYTES, shares: { ...OPEN, holder: 0.05 } });
    const sealed = (by: Writer) => by.direct(box, "sealed", { isSigned: false });
    const answers: string[] = [];
    for (let n = 0; n < 5; n += 1) answers.push((await take(sealed(ana), { by: "lora", address: 1 })).state);
    expect(answers).toEqual(["new", "new", "new", "new", "refused"]);
    // She has no less room for what she signs, and others, and what comes another way, have as much as before.
    for (let n = 0; n < 4; n += 1)
      expect(await take(ana.direct(bo, "signed"))).toMatchObject({ state: "new" });
    expect(await take(sealed(bo), { by: "lora", address: 1 })).toMatchObject({ state: "new" });
    expect(await take(sealed(ana), { by: "lora", address: 2 })).toMatchObject({ state: "new" });
    expect(await take(sealed(ana), STATION)).toMatchObject({ state: "new" });
    expect(store.ids()).toHaveLength(11);
  });

  test("takes a sealed message that is not signed, as one that is, for what is less important or whoever has most", async () => {
    const [ana, bo] = [people[0] ?? box, people[1] ?? box];
    const { store, take, takeAll } = openStand({ maxBytes: 1_000_000, maxBundles: 6, shares: OPEN });
    const sealed = (text: string) => ana.direct(bo, text, { isSigned: false });
    const post = bo.post("old");
    await take(post);
    // Somebody with a key of its own for each.
    const flood = Array.from({ length: 5 }, (_, n) => new Writer(900 + n).direct(bo, `${n}`));
    await takeAll(flood, PEER);
    const messages = [sealed("one"), sealed("two")];
    for (const message of messages) expect(await take(message, STATION)).toMatchObject({ state: "new" });
    expect(store.knows(post.id)).toBe(false);
    expect(store.ids().filter((id) => flood.some((one) => one.id === id))).toHaveLength(4);
    expect(messages.every(({ id }) => store.knows(id))).toBe(true);
  });
});
