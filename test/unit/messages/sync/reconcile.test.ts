import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { encodeCbor } from "../../../../src/identity/cbor.ts";
import type { BundleId } from "../../../../src/messages/bundle/bundle.ts";
import { rangeElements } from "../../../../src/messages/sync/range-code.ts";
import {
  type Compared,
  type Found,
  IP_LIMITS,
  opening,
  type Range,
  ReconcileError,
  type ReconcileLimits,
  reply,
} from "../../../../src/messages/sync/reconcile.ts";
import { idNumber, idsFrom, indexOf } from "./id-sets.ts";

const sizeOf = (ranges: readonly Range[]) => encodeCbor(rangeElements(ranges)).length;

/** Lets two sides talk until the one that began is content. */
function reconcile(near: Compared, far: Compared, limits: ReconcileLimits = IP_LIMITS) {
  const found: Found = { theirs: [], ours: [] };
  const sizes: number[] = [];
  let rounds = 0;
  for (let asked = opening(near); asked.length > 0; rounds += 1) {
    if (rounds > 5_000) throw new Error("it does not end");
    const answered = reply(far, asked, limits);
    sizes.push(sizeOf(asked), sizeOf(answered));
    asked = reply(near, answered, limits, found);
  }
  const bytes = sizes.reduce((sum, size) => sum + size, 0);
  return { found, rounds, bytes, largest: Math.max(...sizes) };
}

/** Ids as bundles have them, and some that somebody has chosen to be close together. */
const someId: fc.Arbitrary<BundleId> = fc.oneof(
  { weight: 3, arbitrary: fc.nat(5_000).map(idNumber) },
  { weight: 1, arbitrary: fc.nat(300).map((end) => `ab${end.toString(16).padStart(22, "0")}`) },
);
const someIds = fc.uniqueArray(someId, { maxLength: 500 });
const someLimits = fc.record({
  parts: fc.integer({ min: 2, max: 20 }),
  listed: fc.integer({ min: 1, max: 40 }),
  messageBytes: fc.integer({ min: 100, max: 20_000 }),
});

describe("two boxes that compare", () => {
  test("learn exactly what each has alone, whatever they have and however short their messages are", () => {
    fc.assert(
      fc.property(someIds, someIds, someIds, someLimits, (common, alone, others, limits) => {
        const near = new Set([...common, ...alone]);
        const far = new Set([...common, ...others]);
        const { found } = reconcile(indexOf(near), indexOf(far), limits);
        // Of a range that was begun when a message was full, an id may be found twice.
        const once = (ids: BundleId[]) => [...new Set(ids)].sort();
        expect(once(found.theirs)).toEqual([...far].filter((id) => !near.has(id)).sort());
        expect(once(found.ours)).toEqual([...near].filter((id) => !far.has(id)).sort());
      }),
      { numRuns: 300 },
    );
  });

  test("write no message longer than they may, but for one range", () => {
    fc.assert(
      fc.property(someIds, someIds, someLimits, (alone, others, limits) => {
        const { largest } = reconcile(indexOf(alone), indexOf(others), limits);
        const oneRange = Math.max(limits.parts * 40, limits.listed * 12 * 2 + 60);
        expect(largest).toBeLessThanOrEqual(limits.messageBytes + oneRange);
      }),
      { numRuns: 100 },
    );
  });

  test("need one small message each when they have the same", () => {
    const index = indexOf(idsFrom(0, 20_000));
    expect(reconcile(index, index)).toMatchObject({ rounds: 1, found: { theirs: [], ours: [] } });
    expect(reconcile(index, index).bytes).toBeLessThan(40);
    expect(reconcile(indexOf([]), indexOf([])).bytes).toBeLessThan(40);
  });

  test("pay for what differs, not for what they have", () => {
    const cost = (common: number, differing: number) => {
      const ids = idsFrom(0, common);
      const far = indexOf([...ids, ...idsFrom(1_000_000, differing)]);
      const { found, bytes, rounds } = reconcile(indexOf(ids), far);
      expect(found.theirs).toHaveLength(differing);
      return { bytes, rounds };
    };
    const [one, ten, hundred] = [cost(20_000, 1), cost(20_000, 10), cost(20_000, 100)];
    expect(one.bytes).toBeLessThan(1_500);
    expect(ten.bytes).toBeLessThan(11 * one.bytes);
    expect(hundred.bytes).toBeLessThan(11 * ten.bytes);
    // All ids would be 240 kB.
    expect(hundred.bytes).toBeLessThan(80_000);
    expect(Math.max(one.rounds, ten.rounds, hundred.rounds)).toBeLessThanOrEqual(4);
    // Ten times as many in common: one level more of them at most.
    expect(cost(2_000, 10).bytes * 2).toBeGreaterThan(ten.bytes);
  });

  test("fill an empty box for hardly more than the ids", () => {
    const { found, bytes } = reconcile(indexOf([]), indexOf(idsFrom(0, 10_000)));
    expect(found.theirs).toHaveLength(10_000);
    expect(bytes).toBeLessThan(10_000 * 12 * 1.05);
  });

  test("end as well when what they have changes meanwhile", () => {
    const near = indexOf(idsFrom(0, 3_000));
    const far = indexOf(idsFrom(1_000, 3_000));
    const found: Found = { theirs: [], ours: [] };
    let rounds = 0;
    for (let asked = opening(near); asked.length > 0; rounds += 1) {
      near.remove(idNumber(rounds));
      far.add(idNumber(9_000 + rounds));
      asked = reply(near, reply(far, asked, IP_LIMITS), IP_LIMITS, found);
    }
    expect(rounds).toBeLessThan(20);
    expect(new Set(found.theirs).size).toBeGreaterThanOrEqual(1_000);
  });
});

describe("a side that is lied to", () => {
  const limits = IP_LIMITS;

  test("takes no id that is beyond the range, and none as missing that it has not, or as new that it has", () => {
    const near = indexOf(["10", "50", "90"].map((start) => start.padEnd(24, "0")));
    const id = (start: string) => start.padEnd(24, "0");
    const found: Found = { theirs: [], ours: [] };
    const next = reply(
      near,
      [
        {
          upTo: "80",
          says: "differs",
          lacks: [id("10"), id("90"), id("77")],
          has: [id("50"), id("60"), id("a0")],
        },
      ],
      limits,
      found,
    );
    expect(found).toEqual({ theirs: [id("60")], ours: [id("10")] });
    expect(next).toEqual([]);
  });

  test("refuses ranges that go back, and an answer to what it did not ask", () => {
    const digest = new Uint8Array(16);
    const back: Range[] = [
      { upTo: "80", says: "digest", digest },
      { upTo: "80", says: "same" },
    ];
    expect(() => reply(indexOf([]), back, limits)).toThrow(ReconcileError);
    const answer: Range[] = [{ upTo: undefined, says: "differs", lacks: [], has: [] }];
    expect(() => reply(indexOf([]), answer, limits)).toThrow(ReconcileError);
  });

  test("answers whatever it is told within bounds", () => {
    const index = indexOf(idsFrom(0, 2_000));
    const someBound = fc.option(
      fc.uint8Array({ minLength: 1, maxLength: 12 }).map((bytes) => Buffer.from(bytes).toString("hex")),
      { nil: undefined },
    );
    const someRange: fc.Arbitrary<Range> = fc.oneof(
      fc.record({ upTo: someBound, says: fc.constant("same" as const) }),
      fc.record({
        upTo: someBound,
        says: fc.constant("digest" as const),
        digest: fc.uint8Array({ minLength: 16, maxLength: 16 }),
      }),
      fc.record({
        upTo: someBound,
        says: fc.constant("all" as const),
        ids: fc.array(someId, { maxLength: 20 }),
      }),
    );
    const sorted = fc
      .array(someRange, { maxLength: 40 })
      .map((ranges) => ranges.sort((a, b) => ((a.upTo ?? "g") < (b.upTo ?? "g") ? -1 : 1)));
    fc.assert(
      fc.property(sorted, fc.boolean(), (ranges, began) => {
        const found = began ? { theirs: [], ours: [] } : undefined;
        try {
          expect(sizeOf(reply(index, ranges, limits, found))).toBeLessThan(limits.messageBytes + 2_000);
        } catch (error) {
          expect(error).toBeInstanceOf(ReconcileError);
        }
      }),
      { numRuns: 300 },
    );
  });
});
