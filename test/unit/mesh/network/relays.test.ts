import { expect, test } from "bun:test";
import { Relays } from "../../../../src/mesh/network/relays.ts";
import { capturedLog } from "../../captured-log.ts";
import { connectionOf, FakeEngine } from "../fake-engine.ts";

/** The better the earlier in the alphabet. */
function relaysOf(peers: readonly string[], isRelay: (peer: string) => boolean = () => true) {
  const engine = new FakeEngine("self");
  for (const peer of peers) engine.opened(connectionOf(peer, { id: peer }));
  const asked: string[] = [];
  const released: string[] = [];
  const full = new Set<string>();
  engine.onReserve = async (peer) => {
    asked.push(peer);
    if (full.has(peer)) throw new Error("no place");
    return async () => void released.push(peer);
  };
  let changes = 0;
  const relays = new Relays({
    engine,
    isRelay,
    rank: (a, b) => (a < b ? -1 : 1),
    log: capturedLog().log,
    changed: () => {
      changes += 1;
    },
  });
  const review = async () => {
    relays.review();
    await Bun.sleep(0);
  };
  return { engine, relays, asked, released, full, review, changes: () => changes };
}

test("a box holds a place at the two best relays, and asks for no third", async () => {
  const { relays, asked, review, changes } = relaysOf(["c", "b", "a", "d"], (peer) => peer !== "a");
  expect(relays.peers).toEqual([]);
  await review();
  await review();
  expect([relays.peers, asked, changes()]).toEqual([["b", "c"], ["b", "c"], 2]);
});

test("while one is being asked it is not asked again, and is no place yet", async () => {
  const { engine, relays, review } = relaysOf(["a", "b"]);
  const asked: string[] = [];
  engine.onReserve = async (peer) => {
    asked.push(peer);
    return new Promise(() => {});
  };
  await review();
  await review();
  expect([asked, relays.peers]).toEqual([["a", "b"], []]);
});

test("when the best are full, the next ones are asked, and the best again after them", async () => {
  const { relays, asked, full, review } = relaysOf(["a", "b", "c", "d"]);
  for (const peer of ["a", "b", "c"]) full.add(peer);
  await review();
  expect(relays.peers).toEqual([]);
  await review();
  expect([relays.peers, asked]).toEqual([["d"], ["a", "b", "c", "d"]]);
  full.clear();
  await review();
  expect(relays.peers).toEqual(["d", "a"]);
});

test("a relay that is reached by another one alone is none, and one that was lost is given up and replaced", async () => {
  const { engine, relays, released, review } = relaysOf(["a", "b"]);
  engine.opened(connectionOf("0", { id: "0", kind: "circuit", relay: "a" }));
  engine.opened(connectionOf("c", { id: "c" }));
  await review();
  expect(relays.peers).toEqual(["a", "b"]);
  await engine.close("a");
  await review();
  expect([relays.peers, released]).toEqual([["b", "c"], ["a"]]);
});

test("a place that comes after its relay was lost, or after the stop, is given back", async () => {
  const { engine, relays, released, review } = relaysOf(["a", "b"]);
  const answers = new Map<string, () => void>();
  engine.onReserve = (peer) =>
    new Promise((resolve) => {
      answers.set(peer, () => resolve(async () => void released.push(peer)));
    });
  await review();
  await engine.close("a");
  await review();
  answers.get("a")?.();
  await Bun.sleep(0);
  expect([relays.peers, released]).toEqual([[], ["a"]]);
  await relays.stop();
  answers.get("b")?.();
  await Bun.sleep(0);
  expect([relays.peers, released]).toEqual([[], ["a", "b"]]);
});

test("one that was lost and came back while it was asked holds the later place, and the earlier is given back", async () => {
  const { engine, relays, released, review } = relaysOf(["a"]);
  const answers: (() => void)[] = [];
  engine.onReserve = (peer) =>
    new Promise((resolve) => {
      const number = answers.length;
      answers.push(() => resolve(async () => void released.push(`${peer} ${number}`)));
    });
  await review();
  await engine.close("a");
  await review();
  engine.opened(connectionOf("a", { id: "a again" }));
  await review();
  for (const answer of answers) answer();
  await Bun.sleep(0);
  expect([relays.peers, released]).toEqual([["a"], ["a 0"]]);
});

test("at the stop all places are given back, whatever a relay says to that", async () => {
  const { engine, relays, review } = relaysOf(["a", "b"]);
  let calls = 0;
  engine.onReserve = async () => async () => {
    calls += 1;
    throw new Error("gone");
  };
  await review();
  await relays.stop();
  expect([calls, relays.peers]).toEqual([2, []]);
});
