import { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { scratchFolders } from "../../scratch.ts";
import { openStand } from "./store-stand.ts";
import { Writer } from "./writers.ts";

const scratch = scratchFolders();
const ana = new Writer(1);

describe("the message store's medium", () => {
  test("that has a torn file is set aside, and the store begins anew", async () => {
    const folder = scratch();
    writeFileSync(join(folder, "messages.sqlite"), "no database at all ".repeat(1_000));
    const { store, found, take } = openStand({ folder });
    expect(found).toEqual({ setAside: join(folder, "messages.sqlite.torn"), volatile: undefined });
    expect(existsSync(join(folder, "messages.sqlite.torn"))).toBe(true);
    expect(await take(ana.post("hello"))).toMatchObject({ state: "new" });
    store.close();
  });

  test("that cannot be written is said, and the store holds in memory what fits there", async () => {
    const folder = scratch();
    // A folder stands where the file should be.
    mkdirSync(join(folder, "messages.sqlite"));
    const { store, found, take } = openStand({ folder });
    expect(found.volatile).toBeString();
    expect(await take(ana.post("hello"))).toMatchObject({ state: "new" });
    expect(store.usage().maxBytes).toBe(32 * 1024 * 1024);
    store.close();
  });

  test("that loses bits of a bundle costs that bundle alone, and it may come again", async () => {
    const folder = scratch();
    const first = openStand({ folder });
    const [whole, broken] = [ana.post("whole"), ana.post("broken")];
    await first.takeAll([whole, broken]);
    first.store.close();
    const db = new Database(join(folder, "messages.sqlite"));
    const changed = Uint8Array.from(broken.encoded);
    changed[100] = (changed[100] ?? 0) ^ 1;
    db.query("UPDATE bundle SET encoded = ? WHERE id = ?").run(changed, broken.id);
    db.close();
    const { store, take, lines } = openStand({ folder, clocks: first.clocks });
    const gone: string[] = [];
    store.onGone((id) => gone.push(id));
    expect(store.queries.posts("square").items.map(({ id }) => id)).toEqual([whole.id]);
    store.flush();
    await Promise.resolve();
    await Promise.resolve();
    expect([gone, store.knows(broken.id)]).toEqual([[broken.id], false]);
    expect(lines.some(({ msg }) => msg.includes("damaged"))).toBe(true);
    expect(await take(broken)).toMatchObject({ state: "new" });
    expect(store.get(broken.id)?.encoded).toEqual(broken.encoded);
    store.close();
  });

  test("keeps a bundle of a newer version, which this one cannot read, and shows the others", async () => {
    const folder = scratch();
    const first = openStand({ folder });
    const [known, newer] = [ana.post("known"), ana.post("newer")];
    await first.takeAll([known, newer]);
    first.store.close();
    const db = new Database(join(folder, "messages.sqlite"));
    const encoded = Buffer.from("a form that nobody has thought of yet");
    db.query("UPDATE bundle SET encoded = ?, crc = ? WHERE id = ?").run(encoded, crc32(encoded), newer.id);
    db.close();
    const { store } = openStand({ folder, clocks: first.clocks });
    expect(store.queries.posts("square").items.map(({ id }) => id)).toEqual([known.id]);
    store.flush();
    await Promise.resolve();
    await Promise.resolve();
    expect([store.get(newer.id), store.knows(newer.id)]).toEqual([undefined, true]);
    store.close();
  });

  test("that takes no more writes acknowledges nothing, and says so until it does again", async () => {
    const folder = scratch();
    const { store, take, lines } = openStand({ folder });
    const post = ana.post("hello");
    const other = new Database(join(folder, "messages.sqlite"));
    other.run("CREATE TRIGGER full BEFORE INSERT ON bundle BEGIN SELECT RAISE(ABORT, 'disk is full'); END");
    expect(await take(post)).toMatchObject({ state: "refused", reason: "full" });
    expect(await take(ana.post("again"))).toMatchObject({ state: "refused" });
    expect(store.trouble()).toBeString();
    expect(store.knows(post.id)).toBe(false);
    expect(lines.filter(({ level }) => level >= 50)).toHaveLength(1);
    other.run("DROP TRIGGER full");
    other.close();
    expect(await take(post)).toMatchObject({ state: "new" });
    expect(store.trouble()).toBeUndefined();
    store.close();
  });

  test("has what was handed over before the store was closed", async () => {
    const folder = scratch();
    const first = openStand({ folder });
    const post = ana.post("hello");
    const heard: string[] = [];
    first.store.onNew(({ id }) => heard.push(id));
    const taking = first.store.take(post.encoded, 0, { by: "self" });
    first.store.close();
    expect(await taking).toEqual({ state: "new", id: post.id });
    const { store } = openStand({ folder, clocks: first.clocks });
    expect(store.ids()).toEqual([post.id]);
    store.close();
  });
});
