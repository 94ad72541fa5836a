import { describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import fc from "fast-check";
import { seededRandom } from "../../../../src/bench/seeded-random.ts";
import { IdIndex } from "../../../../src/messages/custody/id-index.ts";

const idOf = (text: string) => createHash("sha256").update(text).digest("hex").slice(0, 24);

/** From few digits, so that many begin alike, as they would where somebody chose them. */
const crowded = fc
  .array(fc.constantFrom("0", "1", "f"), { minLength: 24, maxLength: 24 })
  .map((digits) => digits.join(""));
const anyId = fc.oneof(
  crowded,
  fc.integer().map((n) => idOf(String(n))),
);
const bound = fc.oneof(
  anyId,
  anyId.chain((id) => fc.nat(24).map((length) => id.slice(0, length))),
);

/** The fingerprint of negentropy's protocol version 1, of ids listed one by one. */
function plainFingerprint(ids: readonly string[]) {
  const sum = ids.reduce(
    (total, id) => (total + BigInt(`0x${createHash("sha256").update(id).digest("hex")}`)) % 2n ** 256n,
    0n,
  );
  const littleEndian = Buffer.from(sum.toString(16).padStart(64, "0"), "hex").reverse();
  const count = Buffer.alloc(4);
  count.writeUInt32LE(ids.length);
  const digest = createHash("sha256").update(littleEndian).update(count).digest().subarray(0, 16);
  return { count: ids.length, digest: Uint8Array.from(digest) };
}

const inRange = (ids: Iterable<string>, lo: string, hi: string | undefined) =>
  [...ids].filter((id) => id >= lo && (hi === undefined || id < hi)).sort();

describe("the index of ids", () => {
  test("says of every range what a list of the ids says, whatever came and went", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.boolean(), anyId), { maxLength: 400 }),
        bound,
        fc.option(bound, { nil: undefined }),
        fc.integer({ min: 0, max: 100 }),
        (changes, lo, hi, limit) => {
          const index = new IdIndex();
          const plain = new Set<string>();
          for (const [adds, id] of changes) {
            expect(adds ? index.add(id) : index.remove(id)).toBe(adds ? !plain.has(id) : plain.has(id));
            if (adds) plain.add(id);
            else plain.delete(id);
          }
          const expected = inRange(plain, lo, hi);
          expect(index.size).toBe(plain.size);
          expect(index.ids(lo, hi)).toEqual(expected);
          expect(index.ids(lo, hi, limit)).toEqual(expected.slice(0, limit));
          expect(index.count(lo, hi)).toBe(expected.length);
          expect(index.fingerprint(lo, hi)).toEqual(plainFingerprint(expected));
        },
      ),
      { numRuns: 300 },
    );
  });

  test("is as it was when all that was added is removed again, in any order", () => {
    const ids = Array.from({ length: 5_000 }, (_, n) => idOf(`id ${n}`));
    const index = new IdIndex();
    for (const id of ids) index.add(id);
    const random = seededRandom(1);
    const shuffled = [...ids].sort(() => random() - 0.5);
    for (const id of shuffled.slice(10)) expect(index.remove(id)).toBe(true);
    expect(index.fingerprint()).toEqual(plainFingerprint(shuffled.slice(0, 10)));
    for (const id of shuffled.slice(0, 10)) index.remove(id);
    expect(index.fingerprint()).toEqual(new IdIndex().fingerprint());
  });

  test("cuts a range into parts that differ by one id at most", () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(anyId, { maxLength: 300 }),
        fc.integer({ min: 2, max: 20 }),
        bound,
        (ids, parts, lo) => {
          const index = new IdIndex();
          for (const id of ids) index.add(id);
          const cuts = index.splitAt(parts, lo);
          expect(cuts.length).toBe(Math.max(0, Math.min(parts, index.count(lo)) - 1));
          const edges = [lo, ...cuts, undefined];
          const counts = edges.slice(0, -1).map((edge, n) => index.count(edge, edges[n + 1]));
          expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
          expect(counts.reduce((sum, count) => sum + count)).toBe(index.count(lo));
        },
      ),
    );
  });

  test("takes nothing in that is no id, and no bound that is none", () => {
    const index = new IdIndex();
    for (const wrong of ["", "0", "A".repeat(24), "g".repeat(24), "0".repeat(25)])
      expect(() => index.add(wrong)).toThrow(RangeError);
    for (let n = 0; n < 100; n += 1) index.add(idOf(String(n)));
    expect(() => index.fingerprint("é")).toThrow(RangeError);
  });

  test("tells two sets apart that differ in one id, in the range where they differ and in no other", () => {
    const ours = new IdIndex();
    const theirs = new IdIndex();
    for (let n = 0; n < 1_000; n += 1) {
      ours.add(idOf(String(n)));
      theirs.add(idOf(String(n)));
    }
    theirs.add("8".repeat(24));
    expect(ours.fingerprint("8", "9").digest).not.toEqual(theirs.fingerprint("8", "9").digest);
    expect(ours.fingerprint("", "8")).toEqual(theirs.fingerprint("", "8"));
    expect(ours.fingerprint("9")).toEqual(theirs.fingerprint("9"));
  });
});
