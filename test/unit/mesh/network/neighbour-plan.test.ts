import { expect, test } from "bun:test";
import fc from "fast-check";
import {
  CALLED_AT_ONCE,
  planNeighbours,
  soughtNeighbours,
} from "../../../../src/mesh/network/neighbour-plan.ts";

const names = (count: number) => Array.from({ length: count }, (_, index) => `12D3KooW${index}`);
const facts = (self: string, known: string[], more: Partial<Parameters<typeof planNeighbours>[0]> = {}) => ({
  self,
  wanted: 6,
  known,
  sighted: new Set<string>(),
  bootstrap: [],
  connected: new Set<string>(),
  ...more,
});

/** Boxes that can be reached from the first along links that either end planned. */
function reached(boxes: string[], plan: (self: string) => string[]): number {
  const links = new Map<string, Set<string>>(boxes.map((box) => [box, new Set()]));
  for (const box of boxes) {
    for (const peer of plan(box)) {
      links.get(box)?.add(peer);
      links.get(peer)?.add(box);
    }
  }
  const seen = new Set(boxes.slice(0, 1));
  for (const box of seen) for (const peer of links.get(box) ?? []) seen.add(peer);
  return seen.size;
}

test("all boxes that know each other are one connected whole, whatever their number and their neighbours on the link", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 60 }),
      fc.integer({ min: 2, max: 12 }),
      fc.integer({ min: 1, max: 9 }),
      (count, wanted, groups) => {
        const boxes = names(count);
        const onMyLink = (self: string) =>
          new Set(boxes.filter((box) => boxes.indexOf(box) % groups === boxes.indexOf(self) % groups));
        const plan = (self: string) =>
          planNeighbours(facts(self, boxes, { wanted, sighted: onMyLink(self) }));
        expect(reached(boxes, plan)).toBe(count);
        for (const box of boxes) {
          expect(plan(box).length).toBeLessThanOrEqual(wanted);
          expect(plan(box)).not.toContain(box);
        }
      },
    ),
    { numRuns: 60 },
  );
});

test("no box is the neighbour of nearly all the others", () => {
  const boxes = names(100);
  const asked = new Map<string, number>();
  for (const box of boxes)
    for (const peer of planNeighbours(facts(box, boxes, { wanted: 8 })))
      asked.set(peer, (asked.get(peer) ?? 0) + 1);
  expect(Math.max(...asked.values())).toBeLessThan(30);
});

test("a hundred boxes that start within a minute and a half have hardly more neighbours each than are wanted", () => {
  const boxes = names(100);
  const wanted = 12;
  const links = new Map<string, Set<string>>();
  const fedSinceMs = new Map<string, number>();
  for (let nowMs = 0; nowMs < 150_000; nowMs += 1_000) {
    const there = boxes.slice(0, 1 + nowMs / 900);
    for (const box of there) {
      const connected = links.get(box) ?? new Set();
      links.set(box, connected);
      if (connected.size < CALLED_AT_ONCE) fedSinceMs.set(box, nowMs);
      const sought = soughtNeighbours(wanted, nowMs - (fedSinceMs.get(box) ?? 0));
      const plan = planNeighbours(facts(box, there, { wanted: sought, sighted: new Set(there), connected }));
      for (const peer of plan) {
        connected.add(peer);
        links.set(peer, (links.get(peer) ?? new Set()).add(box));
      }
    }
  }
  const counts = [...links.values()].map(({ size }) => size);
  expect(counts.reduce((sum, count) => sum + count, 0) / boxes.length).toBeLessThan(1.5 * wanted);
  expect(Math.min(...counts)).toBeGreaterThanOrEqual(wanted);
  expect(reached(boxes, (box) => [...(links.get(box) ?? [])])).toBe(boxes.length);
});

test("boxes on the same link go before others, also those that are connected", () => {
  const boxes = names(40);
  const sighted = new Set(boxes.slice(30));
  for (const connected of [new Set<string>(), new Set(boxes.slice(0, 20))]) {
    const plan = planNeighbours(facts("12D3KooWself", boxes, { wanted: 12, sighted, connected }));
    expect(plan.filter((peer) => sighted.has(peer)).length).toBeGreaterThanOrEqual(8);
  }
});

test("those that it began with are asked only while it has hardly anybody else", () => {
  const begin = ["12D3KooWbegin"];
  expect(planNeighbours(facts("12D3KooWself", [], { bootstrap: begin }))).toEqual(begin);
  const known = names(20);
  const alone = planNeighbours(facts("12D3KooWself", known, { bootstrap: begin }));
  expect(alone).toContain("12D3KooWbegin");
  const connected = new Set(known.slice(0, 3));
  expect(planNeighbours(facts("12D3KooWself", known, { bootstrap: begin, connected }))).not.toContain(
    "12D3KooWbegin",
  );
});
