import { describe, expect, test } from "bun:test";
import { Routes, UNREACHABLE } from "../../../../src/messages/lora/routes.ts";

const MINUTE_MS = 60_000;

function routes() {
  const clock = { nowMs: 0 };
  const costs = new Map([
    [2, 8],
    [3, 8],
  ]);
  const made = new Routes(
    1,
    () => clock.nowMs,
    (neighbour) => costs.get(neighbour) ?? Number.POSITIVE_INFINITY,
  );
  return { clock, costs, routes: made };
}

describe("paths to other boxes", () => {
  test("lead by the neighbour that is nearest, links included", () => {
    const { routes: known, costs } = routes();
    known.onHello(2, 1, [{ address: 9, seqno: 1, metric: 16 }]);
    known.onHello(3, 1, [{ address: 9, seqno: 1, metric: 8 }]);
    expect(known.to(9)).toMatchObject({ via: 3, metric: 16 });
    costs.set(3, 40);
    expect(known.to(9)).toMatchObject({ via: 2, metric: 24 });
    expect(known.to(2)).toMatchObject({ via: 2, metric: 8 });
    expect(known.to(77)).toBeUndefined();
  });

  test("never lead by a neighbour that may have learned of it from here", () => {
    const { routes: known } = routes();
    known.onHello(3, 1, [{ address: 9, seqno: 1, metric: 8 }]);
    known.offers(true);
    known.onHello(2, 1, [{ address: 9, seqno: 1, metric: 24 }]);
    known.onHello(3, 2, [{ address: 9, seqno: 1, metric: UNREACHABLE }]);
    expect(known.to(9)).toBeUndefined();
    // What the destination itself has counted on since is no echo.
    known.onHello(2, 2, [{ address: 9, seqno: 2, metric: 24 }]);
    expect(known.to(9)).toMatchObject({ via: 2 });
  });

  test("lead by any neighbour rather than nowhere for long", () => {
    const { routes: known, clock } = routes();
    known.onHello(3, 1, [{ address: 9, seqno: 1, metric: 8 }]);
    known.offers(true);
    known.onHello(2, 1, [{ address: 9, seqno: 1, metric: 24 }]);
    known.onHello(3, 2, [{ address: 9, seqno: 1, metric: UNREACHABLE }]);
    expect(known.to(9)).toBeUndefined();
    clock.nowMs += 4 * MINUTE_MS;
    expect(known.to(9)).toMatchObject({ via: 2 });
  });

  test("are told of when they are new or gone, and else seldom", () => {
    const { routes: known } = routes();
    known.onHello(2, 1, [{ address: 9, seqno: 1, metric: 8 }]);
    expect(known.hasNews).toBe(true);
    const addresses = () => known.offers(false).map(({ address }) => address);
    expect(addresses()).toEqual([2, 9]);
    expect(known.hasNews).toBe(false);
    // Once more, for a hello may be lost.
    expect(addresses()).toEqual([2, 9]);
    expect(addresses()).toEqual([]);
    known.onHello(2, 2, [{ address: 9, seqno: 2, metric: UNREACHABLE }]);
    expect(known.hasNews).toBe(true);
    expect(known.offers(false)).toMatchObject([{ address: 9, metric: UNREACHABLE }]);
  });
});
