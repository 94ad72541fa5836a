import { describe, expect, test } from "bun:test";
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { scratchFolders } from "../../scratch.ts";
import { playedPool, SMALL_IMAGE, WISH } from "./played-pool.ts";

const scratch = scratchFolders();
/** A file, and two machines; and one that finds nothing to do. */
const FILLED = 4;

describe("a pool of machines", () => {
  test("boots an image where it reaches nobody and saves it, and makes machines of the file that run nothing", async () => {
    const { pool, box, looks, waiting } = playedPool(scratch());
    await looks(1);
    expect(box.done).toEqual([
      ...["confine", "create", "park", "resume", "hello", "suspend", "save", "destroy", "down"],
    ]);
    expect([...box.domains]).toEqual([]);
    box.done.length = 0;
    await looks(1);
    expect(box.done).toEqual(["prepare", "restore", "park"]);
    await looks(FILLED);
    expect(waiting()).toBe(2);
    expect([...box.domains.values()]).toEqual(["paused", "paused"]);
    expect(pool.ids).toHaveLength(3);
    await pool.stop();
    expect(pool.ids).toEqual([]);
  });

  test("misses none that is made while it looks again and again", async () => {
    const { pool, box, looks, waiting } = playedPool(scratch());
    for (let turn = 0; turn < 200 && waiting() < 2; turn += 1) {
      await pool.look();
      await new Promise(setImmediate);
    }
    await looks(FILLED);
    expect(waiting()).toBe(2);
    expect(box.domains.size).toBe(2);
    await pool.stop();
    expect(box.domains.size).toBe(0);
  });

  test("gives each machine to one lease, and fills up again only some time after", async () => {
    const { pool, box, time, looks, waiting } = playedPool(scratch());
    await looks(FILLED);
    const one = await pool.claim(WISH);
    const other = await pool.claim(WISH);
    expect(one?.id).not.toBe(other?.id);
    expect(box.domains.get(one?.names.domain ?? "")).toBe("paused");
    expect(pool.ids).not.toContain(one?.id);
    await looks(2);
    expect(waiting()).toBe(0);
    time.advance(5_000);
    await looks(FILLED);
    expect(waiting()).toBe(2);
    // What is a lease's is ended by it alone.
    await pool.stop();
    expect([...box.domains.keys()].sort()).toEqual(
      [one, other].map((machine) => machine?.names.domain ?? "").sort(),
    );
  });

  test("makes one of the file at once for whom none waits, and has none for another size", async () => {
    const { pool, box, looks } = playedPool(scratch(), { keep: 0 });
    await looks(FILLED);
    expect([...box.domains]).toEqual([]);
    const machine = await pool.claim(WISH);
    expect(box.domains.get(machine?.names.domain ?? "")).toBe("paused");
    expect(await pool.claim({ ...WISH, resources: { ...WISH.resources, memoryMiB: 512 } })).toBeUndefined();
    expect(await pool.claim({ ...WISH, image: "other" })).toBeUndefined();
    await pool.stop();
  });

  test("learns a size that is asked for again", async () => {
    const { pool, time, looks } = playedPool(scratch(), { shapes: [] });
    await looks(2);
    expect(pool.stock()).toEqual([]);
    for (let count = 0; count < 2; count += 1) expect(await pool.claim(WISH)).toBeUndefined();
    time.advance(5_000);
    await looks(FILLED);
    expect(await pool.claim(WISH)).toBeDefined();
    await pool.stop();
  });

  test.each(["confine", "park", "hello", "save", "prepare", "restore"])(
    "with a %s that fails leaves nothing of it, tries again later, and has nothing for whoever asks",
    async (broken) => {
      const folder = scratch();
      const { pool, box, time, looks, waiting } = playedPool(folder);
      box.broken.add(broken);
      await looks(4);
      expect(await pool.claim(WISH)).toBeUndefined();
      await looks(1);
      expect([...box.domains, ...box.namespaces]).toEqual([]);
      expect(readdirSync(folder).filter((name) => !name.endsWith(".warm"))).toEqual([]);
      const tries = box.done.filter((step) => step === broken).length;
      await looks(3);
      expect(box.done.filter((step) => step === broken)).toHaveLength(tries);
      box.broken.clear();
      time.advance(30_000);
      await looks(FILLED);
      expect(waiting()).toBe(2);
      await pool.stop();
    },
  );

  test.each([
    { call: "create", before: 0 },
    { call: "restore", before: 1 },
  ] as const)(
    "looks for a machine whose $call libvirt answers too late until it has come, and ends it",
    async ({ call, before }) => {
      const folder = scratch();
      const { pool, box, time, looks, lines } = playedPool(folder);
      await looks(before);
      const [file] = pool.ids;
      box.slow.add(call);
      await looks(1);
      const [id = ""] = pool.ids.filter((one) => one !== file);
      time.advance(5_000);
      await looks(2);
      // Whoever looks after what belongs to nobody leaves it to the pool meanwhile.
      expect(pool.ids).toContain(id);
      expect(box.late).toHaveLength(1);
      for (const come of box.late) come();
      expect(box.domains.size).toBe(1);
      await looks(1);
      expect(box.domains.size).toBe(0);
      expect(pool.ids).not.toContain(id);
      expect(readdirSync(folder).filter((name) => !name.endsWith(".warm"))).toEqual([]);
      // That it was not made was said; that it may still come is nothing to be told each second.
      expect(lines.filter(({ level }) => level >= 40)).toHaveLength(1);
      await pool.stop();
    },
  );

  test("does not look for ever for a machine that does not come", async () => {
    const { pool, box, time, looks } = playedPool(scratch());
    box.slow.add("create");
    await looks(1);
    const [id = ""] = pool.ids;
    time.advance(59_999);
    box.broken.add("create");
    await looks(1);
    expect(pool.ids).toContain(id);
    time.advance(1);
    await looks(1);
    expect(pool.ids).not.toContain(id);
    await pool.stop();
  });

  test("keeps what cannot be ended in mind until it is gone", async () => {
    const { pool, box, looks } = playedPool(scratch());
    await looks(FILLED);
    const machine = await pool.claim(WISH);
    if (!machine) throw new Error("one waits");
    box.broken.add("down");
    await pool.discard(machine, "a test");
    expect(pool.ids).toContain(machine.id);
    box.broken.clear();
    await looks(1);
    expect(pool.ids).not.toContain(machine.id);
    await pool.stop();
  });

  test("gives its machines and files back while the box needs its memory, and what is being made as well", async () => {
    const { pool, box, sight, looks, waiting } = playedPool(scratch());
    await looks(FILLED);
    sight.causes = ["memory"];
    await looks(FILLED);
    expect(pool.ids).toEqual([]);
    expect([...box.domains]).toEqual([]);
    sight.causes = [];
    await looks(2);
    expect(waiting()).toBe(1);
    sight.causes = ["cpu"];
    await looks(2);
    expect(waiting()).toBe(1);
    await pool.stop();
  });

  test("makes everything anew when the image or the hypervisor is another", async () => {
    const { pool, box, time, sight, looks, waiting } = playedPool(scratch());
    await looks(FILLED);
    let before = pool.ids;
    sight.images = [{ ...SMALL_IMAGE, digest: "1".repeat(64) }];
    expect(await pool.claim(WISH)).toBeUndefined();
    sight.images = [SMALL_IMAGE];
    expect(await pool.claim(WISH)).toBeDefined();
    sight.images = [{ ...SMALL_IMAGE, digest: "1".repeat(64) }];
    await looks(1);
    for (const id of before) expect(pool.ids).not.toContain(id);
    time.advance(5_000);
    await looks(FILLED);
    expect(waiting()).toBe(2);
    before = pool.ids;
    box.qemuVersion = 8_000_000;
    await pool.claim(WISH);
    time.advance(5_000);
    await looks(2 * FILLED);
    for (const id of before) expect(pool.ids).not.toContain(id);
    expect(waiting()).toBe(2);
    await pool.stop();
  });

  test("misses a machine that has ended by itself", async () => {
    const { pool, box, looks, waiting } = playedPool(scratch());
    await looks(FILLED);
    const [name = ""] = box.domains.keys();
    box.domains.delete(name);
    pool.onDomain({ name, uuid: "", kind: "stopped", detail: "crashed" });
    pool.onDomain({ name: "omvm-somebody", uuid: "", kind: "stopped", detail: "crashed" });
    expect(waiting()).toBe(1);
    await looks(FILLED);
    expect(waiting()).toBe(2);
    expect(box.domains.has(name)).toBe(false);
    await pool.stop();
  });

  test("removes the files of an earlier one, and nothing else", async () => {
    const folder = scratch();
    const old = "a".repeat(32);
    for (const name of [`${old}.warm`, `${old}.machine`, "notes.warm"]) writeFileSync(join(folder, name), "");
    const { pool } = playedPool(folder);
    pool.start();
    expect(readdirSync(folder)).toEqual(["notes.warm"]);
    await pool.stop();
  });
});
