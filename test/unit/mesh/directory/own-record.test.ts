import { expect, test } from "bun:test";
import { RENEW_EVERY_MS } from "../../../../src/mesh/directory/directory.ts";
import { OwnRecord } from "../../../../src/mesh/directory/own-record.ts";
import { decodeRecord } from "../../../../src/mesh/directory/peer-record.ts";
import { fixedKey } from "../../identity/fixed-network.ts";
import { description, keyNumber } from "./described.ts";

const key = fixedKey(9);

function ownAt(starts: number, members = 3) {
  const time = { nowMs: 0 };
  const own = new OwnRecord(key, { starts, members: () => members, monotonicMs: () => time.nowMs });
  const sequence = (encoded: Uint8Array | undefined) => encoded && decodeRecord(encoded).sequence;
  return { time, own, sequence };
}

test("a box describes itself when something has changed, not when its load has", () => {
  const { own, time } = ownAt(1);
  expect(own.encoded).toBeUndefined();
  const first = own.update(description({ name: "quay" }));
  expect(first && decodeRecord(first)).toMatchObject({ name: "quay", publicKey: key.publicKey });
  expect(own.encoded).toBe(first as Uint8Array);
  time.nowMs = 60_000;
  expect(own.update(description({ name: "quay", load: 700 }))).toBeUndefined();
  const capability = { cpus: 4, memoryMiB: 100, freeMemoryMiB: 90, leases: 0, maxLeases: 2 };
  expect(own.update(description({ name: "quay", capability }))).toBeDefined();
  time.nowMs += 60_000;
  expect(
    own.update(description({ name: "quay", capability: { ...capability, freeMemoryMiB: 20 } })),
  ).toBeUndefined();
  expect(own.update(description({ name: "quay", capability: { ...capability, leases: 1 } }))).toBeDefined();
});

test("other certificates are a change too", () => {
  const { own, time } = ownAt(1);
  own.update(description());
  time.nowMs = 6_000;
  expect(own.update(description())).toBeUndefined();
  expect(own.update(description({ chain: Uint8Array.of(0x80) }))).toBeDefined();
});

test("many changes at once are told as one, five seconds after the last time", () => {
  const { own, time } = ownAt(1);
  const told: number[] = [];
  for (time.nowMs = 0; time.nowMs < 60_000; time.nowMs += 100)
    if (own.update(description({ name: `at ${time.nowMs}` }))) told.push(time.nowMs);
  expect(told).toEqual(Array.from({ length: 12 }, (_, index) => index * 5_000));
});

test("in a network of two hundred, three times like that, and then every twenty seconds", () => {
  const { own, time } = ownAt(1, 200);
  const told: number[] = [];
  for (time.nowMs = 0; time.nowMs < 80_000; time.nowMs += 100)
    if (own.update(description({ name: `at ${time.nowMs}` }))) told.push(time.nowMs);
  expect(told.slice(0, 3)).toEqual([0, 5_000, 10_000]);
  expect(told.slice(3).map((atMs) => Math.round(atMs / 1_000))).toEqual([20, 40, 60]);
});

test("in a network of thousands, every thirty seconds", () => {
  const { own, time } = ownAt(1, 2_000);
  let told = 0;
  for (time.nowMs = 0; time.nowMs < 600_000; time.nowMs += 1_000)
    if (own.update(description({ name: `at ${time.nowMs}` }))) told += 1;
  expect(told).toBeGreaterThanOrEqual(20);
  expect(told).toBeLessThanOrEqual(23);
});

test("without any change it says so anew every half an hour", () => {
  const { own, time } = ownAt(1);
  const told: number[] = [];
  for (time.nowMs = 0; time.nowMs < 4 * RENEW_EVERY_MS; time.nowMs += 15_000)
    if (own.update(description())) told.push(time.nowMs);
  expect(told).toEqual([0, 1, 2, 3].map((index) => index * RENEW_EVERY_MS));
});

test("each record is newer than the one before, through a restart as well", () => {
  const before = ownAt(7);
  const sequences: number[] = [];
  for (const name of ["a", "b", "c"]) {
    before.time.nowMs += 5_000;
    sequences.push(before.sequence(before.own.update(description({ name }))) ?? 0);
  }
  const after = ownAt(8);
  sequences.push(after.sequence(after.own.update(description())) ?? 0);
  expect(sequences).toEqual([...new Set(sequences)].sort((a, b) => a - b));
  expect(sequences).toHaveLength(4);
});

test("what is counted in two networks does not tell that it is one box, and has room for two million starts", () => {
  const first = (number: number, starts: number) => {
    const record = new OwnRecord(keyNumber(number), {
      starts,
      members: () => 3,
      monotonicMs: () => 0,
    }).update(description());
    return (record && decodeRecord(record).sequence) ?? 0;
  };
  const low = (sequence: number) => sequence % 2 ** 24;
  const ofNetworks = Array.from({ length: 20 }, (_, number) => first(number, 7));
  expect(new Set(ofNetworks.map(low)).size).toBe(20);
  expect(new Set(ofNetworks.map((sequence) => Math.floor(sequence / 2 ** 24))).size).toBe(20);
  for (let number = 0; number < 20; number += 1) {
    expect(first(number, 8) - first(number, 7)).toBe(2 ** 24);
    expect(first(number, 2_000_000)).toBeLessThan(Number.MAX_SAFE_INTEGER);
  }
});

test("where it was not kept how often the box has started, it goes beyond what others still hold of it", () => {
  const { own, time, sequence } = ownAt(0);
  const old = ownAt(50);
  const record = old.own.update(description()) ?? new Uint8Array();
  const held = old.sequence(record) ?? 0;
  expect(sequence(own.update(description()))).toBeLessThan(held);
  time.nowMs = 100;
  own.surpass(record, held);
  expect(sequence(own.update(description()))).toBe(held + 1);
  // What is held now is its own.
  time.nowMs += 120_000;
  own.surpass(own.encoded ?? new Uint8Array(), held + 1);
  // An older one does no harm.
  own.surpass(record, held);
  expect(own.update(description())).toBeUndefined();
});

test("another record of the same sequence is outdone too: to others it looks like the newest", () => {
  const [before, after] = [ownAt(3), ownAt(3)];
  const old = before.own.update(description({ name: "before" })) ?? new Uint8Array();
  const first = after.sequence(after.own.update(description({ name: "after" })));
  expect(before.sequence(old)).toBe(first as number);
  after.own.surpass(old, first ?? 0);
  expect(after.sequence(after.own.update(description({ name: "after" })))).toBe((first ?? 0) + 1);
});

test("two boxes with the same keys outdo each other once a minute, not without end", () => {
  const time = { nowMs: 0 };
  const [a, b] = [1, 2].map(
    (starts) => new OwnRecord(key, { starts, members: () => 3, monotonicMs: () => time.nowMs }),
  );
  if (!a || !b) throw new Error("two");
  let told = 0;
  for (; time.nowMs < 600_000; time.nowMs += 1_000) {
    for (const [one, other] of [
      [a, b],
      [b, a],
    ] as const) {
      const record = one.update(description());
      if (!record) continue;
      told += 1;
      other.surpass(record, decodeRecord(record).sequence);
    }
  }
  expect(told).toBeGreaterThan(2);
  expect(told).toBeLessThanOrEqual(24);
});

test("a sequence that can go no higher stays a number that can be read", () => {
  const { own, sequence } = ownAt(1);
  own.surpass(Uint8Array.of(1), Number.MAX_SAFE_INTEGER);
  expect(sequence(own.update(description()))).toBe(Number.MAX_SAFE_INTEGER);
});
