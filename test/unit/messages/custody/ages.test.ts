import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { passedMs } from "../../../../src/store/age-keeper.ts";
import { scratchFolders } from "../../scratch.ts";
import { openStand, StandClocks } from "./store-stand.ts";
import { Writer } from "./writers.ts";

const scratch = scratchFolders();
const ana = new Writer(1);
const DAY_MS = 86_400_000;
const YEAR_MS = 365 * DAY_MS;

describe("what passes between two moments", () => {
  const kept = { bootId: "one", bootMs: 50_000, wallMs: Date.UTC(2026, 6, 1) };

  test("is what the kernel counted, in one boot, whatever the wall clock says", () => {
    fc.assert(
      fc.property(fc.integer(), fc.nat(1e9), (wallMs, moreMs) => {
        expect(passedMs(kept, { bootId: "one", bootMs: kept.bootMs + moreMs, wallMs })).toBe(moreMs);
      }),
    );
  });

  test("is what the wall clock says of the time that the box was off, where that can be right", () => {
    const after = (ms: number) => ({ bootId: "two", bootMs: 5_000, wallMs: kept.wallMs + ms });
    expect(passedMs(kept, after(3 * DAY_MS))).toBe(3 * DAY_MS);
    for (const wrong of [-1, -YEAR_MS, 31 * DAY_MS, 10 * YEAR_MS])
      expect(passedMs(kept, after(wrong))).toBe(5_000);
    const yearBefore = { ...kept, wallMs: Date.UTC(2025, 11, 20) };
    expect(passedMs(yearBefore, { bootId: "two", bootMs: 5_000, wallMs: Date.UTC(2026, 0, 10) })).toBe(5_000);
    const neverSet = { ...kept, wallMs: 0 };
    expect(passedMs(neverSet, { bootId: "two", bootMs: 5_000, wallMs: DAY_MS })).toBe(5_000);
  });
});

describe("the ages of bundles", () => {
  test("grow by what passes, and a wall clock that jumps by years changes nothing", async () => {
    for (const jumpMs of [20 * YEAR_MS, -20 * YEAR_MS]) {
      const { store, take, pass, clocks } = openStand();
      const post = ana.post("hello", "square", { lifetimeS: 3_600 });
      await take(post, undefined, 1_000);
      clocks.wallOffsetMs += jumpMs;
      await pass(3_000_000);
      expect(store.get(post.id)?.ageMs).toBe(3_001_000);
      clocks.wallOffsetMs -= 3 * jumpMs;
      await pass(598_000);
      expect(store.ids()).toEqual([post.id]);
      await pass(2_000);
      expect(store.ids()).toEqual([]);
    }
  });

  test("grow over a restart of the daemon by what the kernel counted, though the wall clock jumps", async () => {
    const folder = scratch();
    const first = openStand({ folder });
    const post = ana.post("hello");
    await first.take(post);
    await first.pass(10_000);
    first.store.close();
    first.clocks.wallOffsetMs += 20 * YEAR_MS;
    first.clocks.time.advance(5_000);
    const { store } = openStand({ folder, clocks: first.clocks });
    expect(store.get(post.id)?.ageMs).toBe(15_000);
    store.close();
  });

  test("grow by the days that the box was off, where its clock can be believed, and else stand still", async () => {
    for (const [jumpMs, expectedMs] of [
      [0, 2 * DAY_MS],
      [20 * YEAR_MS, 0],
      [-20 * YEAR_MS, 0],
    ] as const) {
      const folder = scratch();
      const clocks = new StandClocks();
      const first = openStand({ folder, clocks });
      const post = ana.post("hello");
      await first.take(post, undefined, 7_000);
      first.store.close();
      clocks.reboot(2 * DAY_MS);
      clocks.wallOffsetMs += jumpMs;
      const { store } = openStand({ folder, clocks });
      expect(store.get(post.id)?.ageMs).toBe(7_000 + expectedMs);
      store.close();
    }
  });

  test("cost no bundle more than half of what it had left, where the wall clock alone says how long the box was off", async () => {
    const folder = scratch();
    const clocks = new StandClocks();
    const first = openStand({ folder, clocks });
    const [sos, long] = [ana.sos("help"), ana.post("long", "square", { lifetimeS: 30 * 86_400 })];
    await first.takeAll([sos, long]);
    first.store.close();
    clocks.reboot(5_000);
    clocks.wallOffsetMs += 14 * DAY_MS;
    const { store, take, pass } = openStand({ folder, clocks });
    expect(store.get(sos.id)?.ageMs).toBeCloseTo(3.5 * DAY_MS, -5);
    expect(store.get(long.id)?.ageMs).toBe(14 * DAY_MS + 5_000);
    expect(await take(sos, undefined, 0)).toMatchObject({ state: "known" });
    await pass(3 * DAY_MS);
    expect(store.get(sos.id)).toBeDefined();
    await pass(DAY_MS);
    expect(store.get(sos.id)).toBeUndefined();
    store.close();
  });

  test("lose a minute at most where the box is killed and no clock can be believed", async () => {
    const folder = scratch();
    const clocks = new StandClocks();
    const first = openStand({ folder, clocks });
    const post = ana.post("hello");
    await first.take(post);
    await first.pass(10 * 60_000 + 30_000);
    // Killed: nothing is closed. Its next boot has a clock that was never set.
    clocks.reboot(0);
    clocks.wallOffsetMs -= 40 * YEAR_MS;
    const { store } = openStand({ folder, clocks });
    const ageMs = store.get(post.id)?.ageMs ?? 0;
    expect(ageMs).toBeGreaterThanOrEqual(9 * 60_000);
    expect(ageMs).toBeLessThanOrEqual(10 * 60_000 + 30_000);
    store.close();
    first.store.close();
  });

  test("grow by the time that the machine was suspended, when its other clocks stood still", async () => {
    const clocks = new StandClocks();
    const { store, take, pass } = openStand({ clocks });
    const post = ana.post("hello");
    await take(post);
    await pass(60_000);
    clocks.suspend(3_600_000);
    for (let minutes = 1; minutes <= 3; minutes += 1) {
      await pass(60_000);
      expect(store.get(post.id)?.ageMs).toBe(3_660_000 + minutes * 60_000);
    }
  });

  test("are no less than nothing, whatever age they are handed over with", async () => {
    const { store, take } = openStand();
    const post = ana.post("hello");
    await take(post, undefined, -5 * DAY_MS);
    expect(store.get(post.id)?.ageMs).toBe(0);
  });
});
