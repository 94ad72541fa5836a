import { expect, test } from "bun:test";
import { CountedError } from "../../../../src/vm/watch/counted.ts";
import { LeaseWatch, type RogueEvent } from "../../../../src/vm/watch/index.ts";

const counters = (amounts: Record<string, number>) =>
  JSON.stringify({
    nftables: Object.entries(amounts).map(([name, packets]) => ({
      counter: { name, packets, bytes: packets * 100 },
    })),
  });
const NO_SETS = JSON.stringify({ nftables: [] });

function watched() {
  const state = {
    ...{ counters: counters({}), asked: 0, failures: [] as unknown[], events: [] as RogueEvent[] },
    /** Looks that are under way, and the most that ever were; a look ends when it is let go. */
    ...{ underWay: 0, most: 0, held: Promise.resolve() },
  };
  const watch = new LeaseWatch({
    onRogue: (event) => state.events.push(event),
    onFailure: (_, error) => state.failures.push(error),
    wallMs: () => 42,
    source: {
      counters: async () => {
        state.underWay += 1;
        state.most = Math.max(state.most, state.underWay);
        const read = state.counters;
        await state.held;
        state.underWay -= 1;
        return read;
      },
      sets: async () => {
        state.asked += 1;
        return NO_SETS;
      },
    },
  });
  return { state, watch };
}

test("sets are read only when something was tried", async () => {
  const { state, watch } = watched();
  watch.add({ lease: "a", namespace: "omvm-a" });
  state.counters = counters({ up: 5 });
  await watch.look();
  expect(state.asked).toBe(0);
  state.counters = counters({ up: 5, arp: 1 });
  await watch.look();
  await watch.look();
  expect(state.asked).toBe(1);
  expect(state.events).toMatchObject([{ lease: "a", offence: "arp", packets: 1, atMs: 42 }]);
});

test("a lease's traffic is as of the last look, and told in all at its end", async () => {
  const { state, watch } = watched();
  watch.add({ lease: "a", namespace: "omvm-a" });
  expect(watch.traffic("a")).toBeUndefined();
  state.counters = counters({ up: 5 });
  await watch.look();
  state.counters = counters({ up: 7 });
  expect(watch.traffic("a")?.up).toEqual({ packets: 5, bytes: 500 });
  expect((await watch.remove("a"))?.up.packets).toBe(7);
  expect(watch.traffic("a")).toBeUndefined();
});

test("a look that fails is told, and the next one goes on from the last that did not", async () => {
  const { state, watch } = watched();
  watch.add({ lease: "a", namespace: "omvm-a" });
  state.counters = counters({ arp: 1 });
  await watch.look();
  state.counters = "no";
  await watch.look();
  expect(state.failures).toHaveLength(1);
  expect(state.failures[0]).toBeInstanceOf(CountedError);
  state.counters = counters({ arp: 3 });
  await watch.look();
  expect(state.events.map(({ packets }) => packets)).toEqual([1, 2]);
});

test("a lease is never looked at twice at once: what it tried is told once, and its end sees what came last", async () => {
  const { state, watch } = watched();
  watch.add({ lease: "a", namespace: "omvm-a" });
  const held = Promise.withResolvers<void>();
  state.held = held.promise;
  state.counters = counters({ up: 5, arp: 2 });
  const looks = [watch.look(), watch.look()];
  state.counters = counters({ up: 7, arp: 3 });
  const removed = [watch.remove("a"), watch.remove("a")];
  held.resolve();
  await Promise.all(looks);
  expect((await Promise.all(removed)).map((traffic) => traffic?.up.packets)).toEqual([7, 7]);
  expect(state.most).toBe(1);
  expect(state.events.map(({ packets }) => packets)).toEqual([2, 1]);
});

test("a lease that is removed while it is looked at is not missed, and one that is watched anew begins anew", async () => {
  const { state, watch } = watched();
  watch.add({ lease: "a", namespace: "omvm-a" });
  state.counters = counters({ up: 5 });
  await watch.look();
  const removed = watch.remove("a");
  await removed;
  watch.add({ lease: "a", namespace: "omvm-b" });
  expect(watch.traffic("a")).toBeUndefined();
  await watch.look();
  expect(watch.traffic("a")?.up.packets).toBe(5);
  expect(await watch.remove("nobody")).toBeUndefined();
});
