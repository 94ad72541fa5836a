import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  decodeFrame,
  encodeFrame,
  itemBytes,
  longAge,
  shortAge,
} from "../../../../src/messages/lora/frame.ts";
import type { Item } from "../../../../src/messages/lora/items.ts";
import { LoraFormError } from "../../../../src/messages/lora/octets.ts";

const id = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const ids = fc.array(id, { maxLength: 20 });
const idTags = fc.array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 60 });
const tag = fc.integer({ min: 1, max: 0xffff });
const octet = fc.integer({ min: 0, max: 255 });
const address = fc.integer({ min: 1, max: 2 ** 24 - 1 });
const prefix = fc.stringMatching(/^[0-9a-f]{0,4}$/);
const anyItem: fc.Arbitrary<Item> = fc.oneof(
  fc.record({
    kind: fc.constant("bundle" as const),
    hop: fc.constant(undefined),
    hops: fc.constant(0),
    origin: address,
    ageS: fc.integer({ min: 0, max: 4_095 }),
    form: fc.uint8Array({ maxLength: 200 }),
  }),
  fc.record({
    kind: fc.constant("bundle" as const),
    hop: tag,
    hops: octet,
    origin: address,
    ageS: fc.integer({ min: 0, max: 4_095 }),
    form: fc.uint8Array({ maxLength: 200 }),
  }),
  fc.record({
    kind: fc.constant("have" as const),
    held: fc.array(fc.record({ id, hops: octet }), { maxLength: 20 }),
  }),
  fc.record({ kind: fc.constant("refuse" as const), ids }),
  fc.record({ kind: fc.constant("recent" as const), tags: idTags }),
  fc.record({ kind: fc.constant("want-recent" as const), of: tag, tags: idTags }),
  fc.record({ kind: fc.constantFrom("want" as const, "offer" as const), of: tag, ids }),
  fc.record({ kind: fc.constant("want-keys" as const), of: tag, hashes: ids }),
  fc.record({
    kind: fc.constant("keys" as const),
    keys: fc.array(fc.uint8Array({ minLength: 32, maxLength: 32 }), { maxLength: 4 }),
  }),
  fc.record({
    kind: fc.constant("hello" as const),
    seqno: octet,
    heard: fc.array(fc.record({ address, quality: octet }), { maxLength: 10 }),
    routes: fc.array(fc.record({ address, seqno: octet, metric: octet }), { maxLength: 20 }),
    stored: fc.record({ count: fc.integer({ min: 0, max: 100_000 }), sum: id }),
  }),
  fc.record({
    kind: fc.constant("parts" as const),
    prefix,
    sums: fc.array(fc.integer({ min: 0, max: 0xffff }), { minLength: 16, maxLength: 16 }),
  }),
  fc.record({ kind: fc.constant("list" as const), prefix, ids }),
);

describe("a frame of bundles", () => {
  test("is read as it was written, in no more bytes than were counted for it", () => {
    fc.assert(
      fc.property(octet, fc.array(anyItem, { maxLength: 6 }), (number, items) => {
        const bytes = encodeFrame({ number, items });
        expect(decodeFrame(bytes)).toEqual({ number, items });
        expect(bytes.length).toBeLessThanOrEqual(1 + items.reduce((sum, item) => sum + itemBytes(item), 0));
      }),
    );
  });

  test("is refused with the field named, whatever comes, and nothing else is thrown", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        try {
          decodeFrame(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(LoraFormError);
        }
      }),
      { numRuns: 5_000 },
    );
    expect(() => decodeFrame(Uint8Array.of(0, 0x30, 200))).toThrow("frame.ids: 200, more than 60");
    expect(() => decodeFrame(Uint8Array.of(0, 0xb0, 61))).toThrow("frame.tags: 61, more than 60");
    expect(() => decodeFrame(Uint8Array.of(0, 0xc0, 1, 2, 200))).toThrow("frame.tags: 200, more than 60");
  });

  test("names up to fifteen in two bytes each and one for all", () => {
    const bytesOf = (count: number) =>
      encodeFrame({ number: 0, items: [{ kind: "recent", tags: Array(count).fill(7) }] }).length;
    expect(bytesOf(3)).toBe(1 + 1 + 3 * 2);
    expect(bytesOf(15)).toBe(1 + 1 + 15 * 2);
    expect(bytesOf(16)).toBe(1 + 2 + 16 * 2);
  });

  test("has ages in two bytes that are never less than they were, and little more", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 30 * 86_400 }), (ageS) => {
        const read = longAge(shortAge(ageS));
        expect(read).toBeGreaterThanOrEqual(ageS);
        expect(read).toBeLessThanOrEqual(Math.ceil(ageS * (1 + 1 / 1_024)));
      }),
    );
  });
});
