import { describe, expect, test } from "bun:test";
import { LatestStanding } from "../../../src/identity/latest-standing.ts";
import type { Standing } from "../../../src/identity/standing.ts";

/** Works out nothing, in so many milliseconds. */
function slow(tookMs: number, times: { fromS?: number; untilS?: number; floorS?: number } = {}) {
  const state = { nowMs: 0, tookMs, count: 0 };
  const standing: Standing = {
    out: new Map(),
    closed: new Map(),
    admitted: new Map(),
    sharedKeys: [],
    floorS: times.floorS ?? 0,
  };
  const latest = new LatestStanding(
    () => {
      state.count += 1;
      state.nowMs += state.tookMs;
      return { standing, fromS: times.fromS ?? 0, untilS: times.untilS ?? Number.POSITIVE_INFINITY };
    },
    () => state.nowMs,
  );
  return { latest, state };
}

describe("what statements amount to", () => {
  test("is worked out once, whatever time it is, until there are others", () => {
    const { latest, state } = slow(1);
    for (const wallS of [10, 11, 5_000, 3]) latest.at(wallS);
    expect(state.count).toBe(1);
    latest.changed(false);
    latest.at(3);
    latest.at(4);
    expect(state.count).toBe(2);
  });

  test("is worked out anew when somebody's certificate ends, or time goes back to before one had", () => {
    const { latest, state } = slow(1, { fromS: 100, untilS: 200 });
    for (const wallS of [150, 100, 199]) latest.at(wallS);
    expect(state.count).toBe(1);
    latest.at(200);
    latest.at(99);
    expect(state.count).toBe(3);
  });

  test("knows no time before the one that the network's own key has proven", () => {
    const { latest, state } = slow(1, { fromS: 100, floorS: 150 });
    latest.at(150);
    latest.at(3);
    expect(state.count).toBe(1);
  });

  test("takes at most a twentieth of the time where it takes long, and then comes up", () => {
    const { latest, state } = slow(50);
    let asked = 0;
    while (state.nowMs < 100_000) {
      latest.changed(false);
      latest.at(10);
      state.nowMs += 1;
      asked += 1;
    }
    expect(asked).toBeGreaterThan(90_000);
    expect(state.count * 50).toBeLessThan(100_000 / 20 + 50);
    const { count } = state;
    state.nowMs += 2_000;
    latest.at(10);
    expect(state.count).toBe(count + 1);
  });

  test("is never old in a small network, nor when somebody was put out", () => {
    const { latest: quick, state: quickly } = slow(2);
    const { latest, state } = slow(500);
    for (let count = 0; count < 10; count += 1) {
      quick.changed(false);
      quick.at(10);
      latest.changed(true);
      latest.at(10);
    }
    expect([quickly.count, state.count]).toEqual([10, 10]);
  });
});
