import { expect, test } from "bun:test";
import { VirtualTime } from "../../../../src/bench/virtual-time.ts";
import { OgmPace } from "../../../../src/wifi/batman/ogm-pace.ts";

function pace() {
  const time = new VirtualTime();
  const said: number[] = [];
  return { time, said, pace: new OgmPace(time, (intervalMs) => said.push(intervalMs)) };
}

test("batman-adv is told only when the mesh has grown or shrunk a good deal", () => {
  const { said, pace: it } = pace();
  for (const nodes of [1, 3, 4, 10, 11, 2]) it.follow(nodes);
  expect(said).toEqual([134, 334, 100]);
});

test("after a loss a node sends faster for three seconds, and then as before", () => {
  const { time, said, pace: it } = pace();
  it.follow(10);
  it.hurry();
  expect(it.current).toBe(60);
  time.advance(2_999);
  expect(said).toEqual([334, 60]);
  time.advance(1);
  expect(said).toEqual([334, 60, 334]);
  expect(it.current).toBe(334);
});

test("a link that comes and goes does not keep a node sending fast", () => {
  const { time, said, pace: it } = pace();
  for (let second = 0; second < 20; second += 1) {
    it.hurry();
    time.advance(1_000);
  }
  expect(said).toEqual([60, 100, 60, 100]);
});

test("a mesh that grows while a node hurries is followed afterwards", () => {
  const { time, said, pace: it } = pace();
  it.hurry();
  it.follow(20);
  expect(it.current).toBe(60);
  time.advance(3_000);
  expect(said).toEqual([60, 667]);
});
