import { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import fc from "fast-check";
import { MAX_BUNDLE_BYTES } from "../../../../src/messages/bundle/bundle.ts";
import type { Held } from "../../../../src/messages/custody/custody.ts";
import { scratchFolders } from "../../scratch.ts";
import { openStand, PEER, SELF, STATION } from "./store-stand.ts";
import { Writer } from "./writers.ts";

const scratch = scratchFolders();
const ana = new Writer(1);
const box = new Writer(90, "box");
const DAY_MS = 86_400_000;

describe("taking a bundle into custody", () => {
  test("answers only when another process can read it from the medium", async () => {
    const folder = scratch();
    const { store } = openStand({ folder });
    const post = ana.post("hello");
    const taking = store.take(post.encoded, 0, STATION);
    const reader = new Database(join(folder, "messages.sqlite"), { readonly: true });
    const found = () => reader.query("SELECT 1 FROM bundle WHERE id = ?").get(post.id) !== null;
    expect(found()).toBe(false);
    expect(await taking).toEqual({ state: "new", id: post.id });
    expect(found()).toBe(true);
    reader.close();
    store.close();
  });

  test("takes one that is handed over many times at once only once, and answers none before the medium has it", async () => {
    const { store } = openStand();
    const post = ana.post("hello");
    const heard: Held[] = [];
    store.onNew((held) => heard.push(held));
    const answers: string[] = [];
    const taking = Array.from({ length: 5 }, () =>
      store.take(post.encoded, 0, PEER).then(({ state }) => answers.push(state)),
    );
    for (let n = 0; n < 20; n += 1) await Promise.resolve();
    expect([answers, heard, store.knows(post.id)]).toEqual([[], [], false]);
    store.flush();
    await Promise.all(taking);
    expect(answers.sort()).toEqual(["known", "known", "known", "known", "new"]);
    expect(heard.map(({ id }) => id)).toEqual([post.id]);
  });

  test("gives back what was signed, with its age, where it came from and its order", async () => {
    const { store, take, clocks } = openStand();
    const [first, second] = [ana.post("one"), ana.post("two")];
    await take(first, STATION, 5_000);
    await take(second, { by: "lora", address: 77 });
    clocks.time.advance(1_000);
    const held = store.get(first.id);
    expect(held?.encoded).toEqual(first.encoded);
    expect([held?.ageMs, held?.source]).toEqual([6_000, STATION]);
    expect(store.get(second.id)?.source).toEqual({ by: "lora", address: 77 });
    expect(store.get(second.id)?.order).toBe((held?.order ?? 0) + 1);
  });

  test("refuses what is no bundle, what is not signed by its sender and what is too old", async () => {
    const { store, take } = openStand();
    const post = ana.post("hello", "square", { lifetimeS: 60 });
    const forged = Uint8Array.from(post.encoded);
    forged[forged.length - 1] = (forged.at(-1) ?? 0) ^ 1;
    expect(await store.take(Buffer.from("no bundle"), 0, PEER)).toMatchObject({ reason: "malformed" });
    expect(await store.take(forged, 0, PEER)).toMatchObject({ reason: "malformed" });
    expect(await store.take(post.encoded, Number.NaN, PEER)).toMatchObject({ reason: "malformed" });
    expect(await take(post, PEER, 60_000)).toMatchObject({ state: "refused", reason: "expired" });
    expect(await take(post, PEER, 59_999)).toMatchObject({ state: "new" });
  });

  test("refuses a forged copy of one that is known to be no other, and keeps the true one", async () => {
    const { store, take } = openStand();
    const post = ana.post("hello");
    const forged = Uint8Array.from(post.encoded);
    forged[forged.length - 1] = (forged.at(-1) ?? 0) ^ 1;
    await take(post);
    expect(await store.take(forged, 0, PEER)).toMatchObject({ reason: "malformed" });
    expect(store.get(post.id)?.encoded).toEqual(post.encoded);
  });

  test("takes a message off which somebody has taken the signature for another, and nothing else so", async () => {
    const { store, take } = openStand();
    const bo = new Writer(2);
    const options = { sequence: 7 };
    const [signed, sealed] = [
      ana.direct(bo, "x", options),
      ana.direct(bo, "x", { ...options, isSigned: false }),
    ];
    expect(await take(sealed)).toEqual({ state: "new", id: sealed.id });
    // What has come, or was refused or dropped, without it does not keep out what she has signed.
    expect(await take(signed)).toEqual({ state: "new", id: signed.id });
    await take(bo.receipt("delivered", [sealed.id]));
    expect(store.get(sealed.id)).toBeUndefined();
    expect(store.get(signed.id)?.encoded).toEqual(signed.encoded);
    // Its last element left out, and one less said in the head of the array.
    const stripped = ana.post("hello").encoded.slice(0, -66).with(0, 0x8b);
    expect(await store.take(stripped, 0, PEER)).toMatchObject({
      reason: "malformed",
      detail: "bundle.signature: is missing: a person's post is signed",
    });
  });

  test("takes nothing but refusals from noise, and throws at none", async () => {
    const { store } = openStand();
    const valid = ana.post("hello").encoded;
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          fc.uint8Array({ maxLength: 300 }),
          fc.tuple(fc.nat(valid.length - 1), fc.integer({ min: 1, max: 255 })).map(([at, bits]) => {
            const changed = Uint8Array.from(valid);
            changed[at] = (changed[at] ?? 0) ^ bits;
            return changed;
          }),
        ),
        async (bytes) => {
          expect(await store.take(bytes, 0, PEER)).toMatchObject({ state: "refused", reason: "malformed" });
        },
      ),
    );
    expect(await store.take(new Uint8Array(MAX_BUNDLE_BYTES + 1), 0, PEER)).toMatchObject({
      reason: "malformed",
    });
    expect(store.ids()).toEqual([]);
  });

  test("asks whether a sender may say it, and takes nothing from who is blocked", async () => {
    const { store, take } = openStand({
      mayTake: ({ kind }) => (kind === "notice" ? "no box of the network signed it" : undefined),
    });
    expect(await take(box.notice("leave the valley"))).toMatchObject({
      reason: "not-allowed",
      detail: "no box of the network signed it",
    });
    const blocking = [
      store.moderation.block(ana.hex.toUpperCase()),
      store.moderation.block("02:00:00:00:00:01"),
    ];
    store.flush();
    await Promise.all(blocking);
    expect(await take(ana.post("spam"))).toMatchObject({ reason: "blocked" });
    expect(await take(new Writer(2).post("spam"), STATION)).toMatchObject({ reason: "blocked" });
    expect(await take(new Writer(2).post("no spam"))).toMatchObject({ state: "new" });
    expect(store.moderation.blocked()).toEqual(["02:00:00:00:00:01", ana.hex]);
    const unblocking = store.moderation.unblock(ana.hex);
    store.flush();
    expect(await unblocking).toBe(true);
    expect(await take(ana.post("sorry"))).toMatchObject({ state: "new" });
  });

  test("takes from nobody but an operator what is more urgent than its kind usually is", async () => {
    const { take } = openStand({ speaksFor: (key) => Buffer.from(key).equals(box.publicKey) });
    const stranger = new Writer(99, "box");
    const urgent = (writer: Writer) => [
      writer.notice("leave the valley", { priority: "sos" }),
      writer.receipt("closed", [ana.post("x").id], { priority: "sos" }),
      writer.removal(ana.post("x").id, "", { priority: "check-in" }),
    ];
    for (const one of urgent(stranger)) expect(await take(one)).toMatchObject({ reason: "not-allowed" });
    for (const one of urgent(box)) expect(await take(one)).toMatchObject({ state: "new" });
    expect(await take(stranger.notice("hello"))).toMatchObject({ state: "new" });
    expect(await take(stranger.receipt("closed", [ana.post("x").id]))).toMatchObject({ state: "new" });
    expect(await take(ana.sos("help"))).toMatchObject({ state: "new" });
  });

  test("goes on where one listener fails", async () => {
    const { store, take, lines } = openStand();
    const heard: string[] = [];
    store.onNew(() => {
      throw new Error("listener");
    });
    const end = store.onNew(({ id }) => void heard.push(id));
    const [first, second] = [ana.post("one"), ana.post("two")];
    expect(await take(first)).toMatchObject({ state: "new" });
    end();
    await take(second);
    expect(heard).toEqual([first.id]);
    expect(lines.filter(({ msg }) => msg.includes("hears"))).toHaveLength(2);
  });

  test("lists ids in ascending order, without those that are too long", async () => {
    const { store, takeAll } = openStand();
    const short = Array.from({ length: 30 }, (_, n) => ana.post(`${n}`));
    const long = ana.post("long ".repeat(100));
    await takeAll([...short, long]);
    const ids = [...short, long].map(({ id }) => id).sort();
    expect(store.ids()).toEqual(ids);
    expect(store.ids(300)).toEqual(ids.filter((id) => id !== long.id));
    const outline = [...store.outline()].find(({ id }) => id === long.id);
    expect(outline).toEqual({ id: long.id, priority: "room", bytes: long.encoded.length });
  });

  test("has what expires neither for others nor for readers, and never takes it again", async () => {
    const { store, take, pass } = openStand();
    const post = ana.post("hello", "square", { lifetimeS: 100 });
    const gone: string[] = [];
    store.onGone((id) => gone.push(id));
    await take(post, PEER, 40_000);
    await pass(59_000);
    expect(store.ids()).toEqual([post.id]);
    await pass(2_000);
    expect([store.ids(), gone, store.get(post.id)]).toEqual([[], [post.id], undefined]);
    expect(store.queries.posts("square").items).toEqual([]);
    // Another box that was off for a while counted less of its age.
    await pass(40_000);
    expect(store.knows(post.id)).toBe(true);
    expect(await take(post, PEER, 10_000)).toEqual({ state: "known", id: post.id });
    await pass(29 * DAY_MS);
    expect(store.knows(post.id)).toBe(true);
    await pass(2 * DAY_MS);
    expect(store.knows(post.id)).toBe(false);
  });

  test("finds all after a restart, and takes off what expired meanwhile", async () => {
    const folder = scratch();
    const first = openStand({ folder });
    const [short, long] = [ana.post("short", "square", { lifetimeS: 100 }), ana.post("long")];
    await first.takeAll([short, long], SELF);
    const order = first.store.get(long.id)?.order ?? 0;
    first.store.close();
    first.clocks.time.advance(200_000);
    const { store, take } = openStand({ folder, clocks: first.clocks });
    expect(store.ids()).toEqual([long.id]);
    expect(store.get(long.id)).toMatchObject({ ageMs: 200_000, order, source: SELF });
    expect(store.knows(short.id)).toBe(true);
    const next = ana.post("next");
    await take(next);
    expect(store.get(next.id)?.order).toBeGreaterThan(order);
    store.close();
  });
});
