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

  test("have room for a neighbour, and for whom it reaches, however many others were made up", () => {
    const { routes: known, costs } = routes();
    const made = (from: number) =>
      Array.from({ length: 48 }, (_, at) => ({ address: 1_000 + from * 48 + at, seqno: 1, metric: 8 }));
    for (let from = 0; from < 40; from += 1) {
      costs.set(500 + from, 8);
      known.onHello(500 + from, 1, made(from));
    }
    known.onHello(2, 1, [{ address: 9, seqno: 1, metric: 8 }]);
    expect(known.to(2)).toMatchObject({ via: 2, metric: 8 });
    // Those that made them up are heard no more.
    for (let from = 0; from < 40; from += 1) costs.delete(500 + from);
    known.onHello(2, 2, [{ address: 9, seqno: 1, metric: 8 }]);
    expect(known.to(9)).toMatchObject({ via: 2, metric: 16 });
    expect(known.size).toBeLessThanOrEqual(512);
  });

  test("are kept by few neighbours each, the box itself among them", () => {
    const { routes: known, costs } = routes();
    known.onHello(9, 1, []);
    costs.set(9, 8);
    for (let neighbour = 500; neighbour < 600; neighbour += 1)
      known.onHello(neighbour, 1, [{ address: 9, seqno: 1, metric: 8 }]);
    expect(known.to(9)).toMatchObject({ via: 9 });
    expect(known.ways).toBeLessThanOrEqual(16 + 100);
  });
});
