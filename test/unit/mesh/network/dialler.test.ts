import { expect, test } from "bun:test";
import { VirtualTime } from "../../../../src/bench/virtual-time.ts";
import { Dialler } from "../../../../src/mesh/network/dialler.ts";

/** Lets promises that are settled already go on. */
const settled = async () => {
  for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
};

async function run(time: VirtualTime, forMs: number): Promise<void> {
  for (let passedMs = 0; passedMs < forMs; passedMs += 100) {
    time.advance(100);
    await settled();
  }
}

test("a peer that does not answer is tried for ever, at least every half a minute or so", async () => {
  const time = new VirtualTime();
  const tries: number[] = [];
  const dialler = new Dialler({
    timers: time,
    random: () => 1,
    dial: async () => {
      tries.push(time.monotonicMs());
      throw new Error("no answer");
    },
  });
  dialler.want(["far"]);
  await run(time, 3_600_000);
  const gaps = tries.slice(1).map((at, index) => at - (tries[index] ?? 0));
  expect(gaps[0]).toBeLessThan(1_500);
  expect(Math.max(...gaps)).toBeLessThan(38_000);
  expect(tries.length).toBeGreaterThan(95);
  const last = tries.length;
  dialler.retryNow("far");
  await settled();
  expect(tries.length).toBe(last + 1);
});

test("no more than eight are tried at a time, and all get their turn", async () => {
  const time = new VirtualTime();
  let running = 0;
  let most = 0;
  const tried = new Set<string>();
  const dialler = new Dialler({
    timers: time,
    random: () => 0.5,
    dial: async (peer) => {
      tried.add(peer);
      running += 1;
      most = Math.max(most, running);
      await new Promise<void>((resolve) => time.after(1_000, resolve));
      running -= 1;
      return false;
    },
  });
  dialler.want(Array.from({ length: 40 }, (_, index) => `peer ${index}`));
  await run(time, 60_000);
  expect(most).toBe(8);
  expect(tried.size).toBe(40);
});

test("whoever is no longer wanted, and everybody after the stop, is left alone", async () => {
  const time = new VirtualTime();
  const tries: string[] = [];
  const dialler = new Dialler({
    timers: time,
    random: () => 0.5,
    dial: async (peer) => {
      tries.push(peer);
      return false;
    },
  });
  dialler.want(["a", "b"]);
  await run(time, 100);
  dialler.want(["b"]);
  tries.length = 0;
  await run(time, 60_000);
  expect(new Set(tries)).toEqual(new Set(["b"]));
  dialler.stop();
  tries.length = 0;
  await run(time, 60_000);
  dialler.retryNow();
  expect(tries).toEqual([]);
});

test("no more than three are in their handshakes at a time, however many answer at once", async () => {
  const time = new VirtualTime();
  let shaking = 0;
  let most = 0;
  const tried = new Set<string>();
  const dialler = new Dialler({
    timers: time,
    random: () => 0.5,
    dial: async (peer, answered) => {
      tried.add(peer);
      answered();
      shaking += 1;
      most = Math.max(most, shaking);
      await new Promise<void>((resolve) => time.after(1_000, resolve));
      shaking -= 1;
      return true;
    },
  });
  dialler.want(Array.from({ length: 12 }, (_, index) => `peer ${index}`));
  await run(time, 4_500);
  expect(most).toBe(3);
  expect(tried.size).toBe(12);
});

test("those that answer and never end their handshakes hold the others up for three seconds", async () => {
  const time = new VirtualTime();
  const tried = new Set<string>();
  const dialler = new Dialler({
    timers: time,
    random: () => 0.5,
    dial: (peer, answered) => {
      tried.add(peer);
      answered();
      return new Promise(() => {});
    },
  });
  dialler.want(["a", "b", "c", "d", "e"]);
  await run(time, 2_900);
  expect(tried.size).toBe(3);
  await run(time, 400);
  expect(tried.size).toBe(5);
});

test("a peer that is left the chance to call is called later, also when it is heard of meanwhile", async () => {
  const time = new VirtualTime();
  const tries: { peer: string; atMs: number }[] = [];
  const dialler = new Dialler({
    timers: time,
    random: () => 0.5,
    headStartMs: (peer) => (peer === "caller" ? 2_000 : 0),
    dial: async (peer) => {
      tries.push({ peer, atMs: time.monotonicMs() });
      return true;
    },
  });
  dialler.want(["caller", "other"]);
  dialler.retryNow("caller");
  await run(time, 2_500);
  expect(tries[0]).toEqual({ peer: "other", atMs: 0 });
  expect(tries.find(({ peer }) => peer === "caller")?.atMs).toBe(2_000);
});
