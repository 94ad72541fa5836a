import { expect, test } from "bun:test";
import { SourceLimiter } from "../../../src/host/source-limiter.ts";

const LIMITS = { burst: 5, perSecond: 2, totalPerSecond: 50, maxSources: 4 };
const taken = (limiter: SourceLimiter, source: string, times: number, nowMs: number) =>
  Array.from({ length: times }, () => limiter.takes(source, nowMs)).filter(Boolean).length;

test("a source has its burst at once and its rate after that", () => {
  const limiter = new SourceLimiter(LIMITS, 0);
  expect([
    taken(limiter, "a", 20, 0),
    taken(limiter, "a", 20, 1_000),
    taken(limiter, "a", 20, 60_000),
  ]).toEqual([5, 2, 5]);
});

test("a flood from one source leaves the others theirs, as long as all together are not over the total", () => {
  const limiter = new SourceLimiter(LIMITS, 0);
  taken(limiter, "flood", 10_000, 0);
  expect(taken(limiter, "b", 5, 0)).toBe(5);
});

test("sources beyond those that are remembered share one account, until others have been quiet", () => {
  const limiter = new SourceLimiter(LIMITS, 0);
  const each = Array.from({ length: 30 }, (_, index) => taken(limiter, `source ${index}`, 5, 0));
  expect(each.slice(0, 4)).toEqual([5, 5, 5, 5]);
  expect(each.slice(4).reduce((sum, count) => sum + count, 0)).toBe(5);
  expect(["late", "later"].map((source) => taken(limiter, source, 5, 2_500))).toEqual([5, 5]);
});

test("all sources together get the total", () => {
  const limiter = new SourceLimiter({ ...LIMITS, maxSources: 1_000 }, 0);
  const all = Array.from({ length: 100 }, (_, index) => taken(limiter, `source ${index}`, 5, 0));
  expect(all.reduce((sum, count) => sum + count, 0)).toBe(50);
});

test("what a source has left is told without counting, and shared by those that are not remembered", () => {
  const limiter = new SourceLimiter(LIMITS, 0);
  expect(limiter.left("a", 0)).toBe(5);
  taken(limiter, "a", 3, 0);
  expect([limiter.left("a", 0), limiter.left("a", 0), limiter.left("a", 500)]).toEqual([2, 2, 3]);
  for (const source of ["b", "c", "d", "e"]) taken(limiter, source, 5, 0);
  expect(limiter.left("unknown", 0)).toBe(0);
});

test("a source that got nothing because of all the others has lost nothing of its own", () => {
  const limiter = new SourceLimiter({ ...LIMITS, maxSources: 1_000 }, 0);
  for (let index = 0; index < 100; index += 1) taken(limiter, `source ${index}`, 5, 0);
  expect(taken(limiter, "late", 20, 0)).toBe(0);
  expect(taken(limiter, "late", 20, 1_000)).toBe(5);
});
