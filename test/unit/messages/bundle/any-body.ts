import fc from "fast-check";
import {
  type Bodies,
  CHECK_IN_STATES,
  NOTICE_LEVELS,
  RECEIPT_STATES,
} from "../../../../src/messages/bundle/bodies.ts";
import type { BodyKind } from "../../../../src/messages/bundle/body-codec.ts";
import { tidyLine, tidyLines } from "../../../../src/messages/bundle/body-text.ts";

/** Letters of many scripts, signs, joiners and line ends, as people type them. */
const character = fc.oneof(
  { weight: 6, arbitrary: fc.string({ unit: "grapheme-composite", minLength: 1, maxLength: 1 }) },
  { weight: 1, arbitrary: fc.constantFrom("\n", " ", "é", "ß", "م", "ן", "あ", "👩‍👩‍👧", "\u200c", "0") },
);
const cut = (text: string, maxChars: number) => [...text].slice(0, maxChars).join("");

function typed(maxChars: number, least: 0 | 1, tidy: (text: string) => string): fc.Arbitrary<string> {
  return fc
    .array(character, { minLength: least, maxLength: Math.min(maxChars, 200) })
    .map((characters) => tidy(cut(tidy(characters.join("")), maxChars)))
    .filter((text) => text.length >= least && new TextEncoder().encode(text).length < 2_000);
}
const lines = (maxChars: number, least: 0 | 1 = 0) => typed(maxChars, least, tidyLines);
const line = (maxChars: number, least: 0 | 1 = 0) => typed(maxChars, least, tidyLine);
const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
export const anyId = bytes(12).map((id) => Buffer.from(id).toString("hex"));

const place = fc.record(
  {
    words: line(120),
    at: fc.record({
      latitudeE6: fc.integer({ min: -90_000_000, max: 90_000_000 }),
      longitudeE6: fc.integer({ min: -180_000_000, max: 180_000_000 }),
    }),
  },
  { requiredKeys: ["words"] },
);
const people = fc.nat({ max: 99_999 });

/** Any body of each kind, its texts tidy. */
export const ANY_BODY: { readonly [K in BodyKind]: fc.Arbitrary<Bodies[K]> } = {
  sos: fc.record(
    {
      text: lines(1_000, 1),
      name: line(60),
      place,
      people,
      injured: people,
      batteryPercent: fc.nat({ max: 100 }),
      contact: line(120),
    },
    { requiredKeys: ["text", "name", "place", "people", "injured", "contact"] },
  ),
  "check-in": fc.record({
    name: line(60, 1),
    state: fc.constantFrom(...CHECK_IN_STATES),
    text: lines(1_000),
    place,
  }),
  post: fc.record(
    { name: line(60), text: lines(1_000, 1), replyTo: anyId },
    { requiredKeys: ["name", "text"] },
  ),
  notice: fc.record({ level: fc.constantFrom(...NOTICE_LEVELS), text: lines(1_000, 1) }),
  receipt: fc.record({
    state: fc.constantFrom(...RECEIPT_STATES),
    of: fc.array(anyId, { minLength: 1, maxLength: 32 }),
    note: lines(280),
  }),
  lookup: fc.oneof(
    fc.record({ of: fc.constant("card" as const), key: bytes(32) }),
    fc.record({ of: fc.constant("name" as const), name: line(60, 1) }),
  ),
  card: fc.record({
    name: line(60),
    prekey: bytes(32),
    prekeyNumber: fc.nat({ max: 2 ** 32 - 1 }),
    version: fc.maxSafeNat().map((number) => number % (2 ** 40 + 1)),
  }),
  removal: fc.record({ of: anyId, reason: lines(200) }),
  photo: fc.record({
    of: anyId,
    image: fc.uint8Array({ maxLength: 300 }).map((rest) => Uint8Array.of(0xff, 0xd8, 0xff, ...rest)),
  }),
  credentials: fc.record({ chain: fc.uint8Array({ minLength: 1, maxLength: 2_048 }) }),
};
