import type { LinkAddress } from "../../lora/index.ts";
import {
  type Frame,
  type HelloItem,
  type Item,
  MAX_HEARD,
  MAX_IDS,
  MAX_PREFIX,
  MAX_ROUTES,
} from "./items.ts";
import { OctetReader, OctetWriter } from "./octets.ts";

const MAX_KEYS = 6;
const PARTS = 16;

/** By the high four bits of an item's first byte. */
const TYPES = {
  bundle: 1,
  have: 2,
  refuse: 3,
  want: 4,
  offer: 5,
  "want-keys": 6,
  keys: 7,
  hello: 8,
  parts: 9,
  list: 10,
  recent: 11,
  "want-recent": 12,
} as const satisfies Record<Item["kind"], number>;
const TO_ONE = 1;
const IS_LAST = 2;
/** So many tags have their count beside the kind. */
const MOST_SHORTLY = 15;

/*
 * number 1, then items, each: its kind 4 bits · 4 more, and
 *
 *   bundle     (1: it has a hop, 2: it is the last of the frame) [hop 2 · hops 1] · age 2 · origin 3 · [length] · form
 *   have                      count 1 · (id 4 · hops 1)
 *   recent     (count, or 0 and) count 1 · tags 2
 *   want-recent               whom 2 · count 1 · tags 2
 *   refuse                    count 1 · ids 4
 *   want, offer, want-keys    whom 2 · count 1 · ids or hashes 4
 *   keys                      count 1 · keys 32
 *   hello      seqno 1 · count 1 · (address 3 · quality 1) · count 1 · (address 3 · seqno 1 · metric 1) · count · sum 4
 *   parts      (length of the prefix) prefix 2 · 16 × sum 2
 *   list       (length of the prefix) prefix 2 · count 1 · ids 4
 *
 * Counts and lengths without a size are varints.
 */
export function encodeFrame({ number, items }: Frame): Uint8Array {
  const out = new OctetWriter().uint(number, 1);
  for (const [index, item] of items.entries()) writeItem(out, item, index === items.length - 1);
  return out.toBytes();
}

/** How many bytes one more item makes a frame longer, at most. */
export function itemBytes(item: Item): number {
  const out = new OctetWriter();
  writeItem(out, item, false);
  return out.length;
}

/** @throws {LoraFormError} */
export function decodeFrame(bytes: Uint8Array): Frame {
  const from = new OctetReader(bytes, "frame");
  const number = from.uint("number", 1);
  const items: Item[] = [];
  while (from.left > 0) items.push(readItem(from));
  return { number, items };
}

/** Seconds in two bytes: exact up to 4095, to a part in 4096 beyond; rounded up, so that nothing grows younger. */
export function shortAge(ageS: number): number {
  let exponent = 0;
  let mantissa = Math.ceil(Math.max(0, ageS));
  if (mantissa < 4096) return mantissa;
  for (exponent = 1; mantissa >= 8192; exponent += 1) mantissa = Math.ceil(mantissa / 2);
  return exponent > 15 ? 0xffff : (exponent << 12) | (mantissa - 4096);
}

export function longAge(short: number): number {
  const exponent = short >> 12;
  const mantissa = short & 0xfff;
  return exponent === 0 ? mantissa : (4096 + mantissa) * 2 ** (exponent - 1);
}

function writeItem(out: OctetWriter, item: Item, isLast: boolean): void {
  const first = (flags: number) => out.uint((TYPES[item.kind] << 4) | flags, 1);
  switch (item.kind) {
    case "bundle": {
      const { hop, hops, ageS, origin, form } = item;
      first((hop === undefined ? 0 : TO_ONE) | (isLast ? IS_LAST : 0));
      if (hop !== undefined) out.uint(hop, 2).uint(hops, 1);
      out.uint(shortAge(ageS), 2).uint(origin, 3);
      if (!isLast) out.varint(form.length);
      out.bytes(form);
      return;
    }
    case "have":
      first(0).uint(item.held.length, 1);
      for (const { id, hops } of item.held) out.uint(id, 4).uint(hops, 1);
      return;
    case "recent": {
      const isShort = item.tags.length > 0 && item.tags.length <= MOST_SHORTLY;
      first(isShort ? item.tags.length : 0);
      if (!isShort) out.uint(item.tags.length, 1);
      for (const tag of item.tags) out.uint(tag, 2);
      return;
    }
    case "want-recent":
      first(0).uint(item.of, 2).uint(item.tags.length, 1);
      for (const tag of item.tags) out.uint(tag, 2);
      return;
    case "refuse":
      first(0);
      writeIds(out, item.ids);
      return;
    case "want":
    case "offer":
      first(0).uint(item.of, 2);
      writeIds(out, item.ids);
      return;
    case "want-keys":
      first(0).uint(item.of, 2);
      writeIds(out, item.hashes);
      return;
    case "keys":
      first(0).uint(item.keys.length, 1);
      for (const key of item.keys) out.bytes(key);
      return;
    case "hello":
      first(0).uint(item.seqno, 1).uint(item.heard.length, 1);
      for (const { address, quality } of item.heard) out.uint(address, 3).uint(quality, 1);
      out.uint(item.routes.length, 1);
      for (const { address, seqno, metric } of item.routes)
        out.uint(address, 3).uint(seqno, 1).uint(metric, 1);
      out.varint(item.stored.count).uint(item.stored.sum, 4);
      return;
    case "parts":
      first(item.prefix.length);
      writePrefix(out, item.prefix);
      for (const sum of item.sums) out.uint(sum, 2);
      return;
    case "list":
      first(item.prefix.length);
      writePrefix(out, item.prefix);
      writeIds(out, item.ids);
      return;
  }
}

function writeIds(out: OctetWriter, ids: readonly number[]): void {
  out.uint(ids.length, 1);
  for (const id of ids) out.uint(id, 4);
}

const writePrefix = (out: OctetWriter, prefix: string): OctetWriter =>
  out.uint(Number.parseInt(prefix.padEnd(MAX_PREFIX, "0"), 16), 2);

function readItem(from: OctetReader): Item {
  const first = from.uint("item", 1);
  const flags = first & 0xf;
  const kind = kindOf(first >> 4);
  switch (kind) {
    case "bundle": {
      const hop = (flags & TO_ONE) === 0 ? undefined : from.uint("hop", 2);
      if (hop === 0) throw from.fail("hop", "0 is nobody");
      const hops = hop === undefined ? 0 : from.uint("hops", 1);
      const ageS = longAge(from.uint("age", 2));
      const origin = readAddress(from, "origin");
      const length = (flags & IS_LAST) === 0 ? from.varint("length", from.left) : from.left;
      return { kind, hop, hops, origin, ageS, form: from.bytes("form", length) };
    }
    case "have": {
      const readOne = () => ({ id: from.uint("have.id", 4), hops: from.uint("have.hops", 1) });
      return { kind, held: readMany(from, "have", MAX_IDS, readOne) };
    }
    case "recent": {
      const count = flags > 0 ? flags : from.uint("tags", 1);
      return { kind, tags: readTags(from, count) };
    }
    case "want-recent": {
      const of = from.uint("of", 2);
      return { kind, of, tags: readTags(from, from.uint("tags", 1)) };
    }
    case "refuse":
      return { kind, ids: readIds(from, "ids") };
    case "want":
    case "offer":
      return { kind, of: from.uint("of", 2), ids: readIds(from, "ids") };
    case "want-keys":
      return { kind, of: from.uint("of", 2), hashes: readIds(from, "hashes") };
    case "keys":
      return { kind, keys: readMany(from, "keys", MAX_KEYS, () => from.bytes("key", 32)) };
    case "hello":
      return readHello(from);
    case "parts": {
      const prefix = readPrefix(from, flags);
      return { kind, prefix, sums: Array.from({ length: PARTS }, () => from.uint("sum", 2)) };
    }
    case "list":
      return { kind, prefix: readPrefix(from, flags), ids: readIds(from, "ids") };
    default:
      throw from.fail("item", `kind ${first >> 4} is not known here`);
  }
}

function readHello(from: OctetReader): HelloItem {
  const seqno = from.uint("hello.seqno", 1);
  const heard = readMany(from, "hello.heard", MAX_HEARD, () => ({
    address: readAddress(from, "hello.heard"),
    quality: from.uint("hello.quality", 1),
  }));
  const routes = readMany(from, "hello.routes", MAX_ROUTES, () => ({
    address: readAddress(from, "hello.routes"),
    seqno: from.uint("hello.routes.seqno", 1),
    metric: from.uint("hello.metric", 1),
  }));
  const count = from.varint("hello.count", 2 ** 32);
  return { kind: "hello", seqno, heard, routes, stored: { count, sum: from.uint("hello.sum", 4) } };
}

function kindOf(type: number): Item["kind"] | undefined {
  // The table has nothing but kinds of items.
  for (const kind of Object.keys(TYPES) as (keyof typeof TYPES)[]) if (TYPES[kind] === type) return kind;
  return undefined;
}

function readAddress(from: OctetReader, field: string): LinkAddress {
  const address = from.uint(field, 3);
  if (address === 0) throw from.fail(field, "0 is nobody's address");
  return address;
}

function readTags(from: OctetReader, count: number): number[] {
  if (count > MAX_IDS) throw from.fail("tags", `${count}, more than ${MAX_IDS}`);
  return Array.from({ length: count }, () => from.uint("tag", 2));
}

const readIds = (from: OctetReader, field: string): number[] =>
  readMany(from, field, MAX_IDS, () => from.uint(field, 4));

function readPrefix(from: OctetReader, length: number): string {
  if (length > MAX_PREFIX) throw from.fail("prefix", `${length} digits, more than ${MAX_PREFIX}`);
  return from.uint("prefix", 2).toString(16).padStart(MAX_PREFIX, "0").slice(0, length);
}

function readMany<T>(from: OctetReader, field: string, most: number, read: () => T): T[] {
  const count = from.uint(field, 1);
  if (count > most) throw from.fail(field, `${count}, more than ${most}`);
  return Array.from({ length: count }, read);
}
