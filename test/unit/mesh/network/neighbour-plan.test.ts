import { expect, test } from "bun:test";
import fc from "fast-check";
import { CallAllowance, planNeighbours } from "../../../../src/mesh/network/neighbour-plan.ts";

const names = (count: number) => Array.from({ length: count }, (_, index) => `12D3KooW${index}`);
const facts = (self: string, known: string[], more: Partial<Parameters<typeof planNeighbours>[0]> = {}) => ({
  self,
  wanted: 6,
  mayCall: Number.POSITIVE_INFINITY,
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

/** Boxes that come one after the other, and what each is connected with in the end. @param answers whether one can be reached */
function grown(boxes: string[], everyMs: number, untilMs: number, answers: (box: string) => boolean) {
  const links = new Map<string, Set<string>>(boxes.map((box) => [box, new Set()]));
  const allowances = new Map(boxes.map((box) => [box, new CallAllowance()]));
  for (let nowMs = 0; nowMs < untilMs; nowMs += 1_000) {
    const there = boxes.slice(0, 1 + nowMs / everyMs);
    for (const box of there.filter(answers)) {
      const connected = links.get(box) ?? new Set();
      const mayCall = allowances.get(box)?.at(nowMs, connected.size) ?? 0;
      const sighted = new Set(there.filter(answers));
      for (const peer of planNeighbours(facts(box, boxes, { wanted: 12, mayCall, sighted, connected }))) {
        if (!there.includes(peer) || !answers(peer)) continue;
        connected.add(peer);
        links.get(peer)?.add(box);
      }
    }
  }
  return links;
}

test("a hundred boxes that start within a minute and a half have not twice the neighbours that they want", () => {
  const boxes = names(100);
  const links = grown(boxes, 900, 180_000, () => true);
  const counts = [...links.values()].map(({ size }) => size);
  expect(counts.reduce((sum, count) => sum + count, 0) / boxes.length).toBeLessThan(18);
  expect(Math.min(...counts)).toBeGreaterThanOrEqual(12);
  expect(reached(boxes, (box) => [...(links.get(box) ?? [])])).toBe(boxes.length);
});

test("the few of many that still answer find each other all the same, as after the way to all the others is cut", () => {
  const boxes = names(100);
  const site = boxes.filter((_, index) => index % 10 === 0);
  const links = grown(boxes, 1, 240_000, (box) => site.includes(box));
  expect(reached(site, (box) => [...(links.get(box) ?? [])])).toBe(site.length);
  for (const box of site) expect(links.get(box)?.size).toBeGreaterThanOrEqual(6);
});

test("whoever has lost boxes that it had does not wait for others to call", () => {
  const allowance = new CallAllowance();
  expect(allowance.at(1_000, 1)).toBe(Number.POSITIVE_INFINITY);
  expect(allowance.at(2_000, 7)).toBe(0);
  expect(allowance.at(12_000, 7)).toBe(2);
  expect(allowance.at(13_000, 9)).toBe(0);
  expect(allowance.at(600_000, 3)).toBeGreaterThan(100);
  expect(allowance.at(601_000, 4)).toBeGreaterThan(100);
});

test("three places are given by hash, whoever calls", () => {
  const boxes = names(60);
  const sighted = new Set(boxes);
  const callers = new Set(boxes.slice(0, 20));
  const without = planNeighbours(facts("12D3KooWself", boxes, { wanted: 12, sighted }));
  const plan = planNeighbours(
    facts("12D3KooWself", boxes, { wanted: 12, sighted, mayCall: 0, connected: callers }),
  );
  expect(plan.slice(0, 7)).toEqual(without.slice(0, 7));
  expect(plan.slice(7).every((peer) => callers.has(peer))).toBe(true);
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
