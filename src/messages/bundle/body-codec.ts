import { bytesToHex, concatBytes, hexToBytes } from "@noble/hashes/utils.js";
import { type Cbor, decodeCborArray, encodeCbor, type Fields } from "../../identity/cbor.ts";
import {
  type Bodies,
  CHECK_IN_STATES,
  type Coordinates,
  NOTICE_LEVELS,
  type Place,
  RECEIPT_STATES,
} from "./bodies.ts";
import { lineProblem, linesProblem, tidyLine, tidyLines } from "./body-text.ts";
import { BundleError, type BundleId, ID_BYTES, MAX_BODY_BYTES, MAX_TEXT_BODY_BYTES } from "./bundle.ts";

// Browsers run this too: no Buffer, nothing of Node's.

/** In characters: Unicode's code points. */
export const MAX_TEXT_CHARS = 1_000;
export const MAX_NAME_CHARS = 60;
export const MAX_PLACE_CHARS = 120;
export const MAX_CONTACT_CHARS = 120;
export const MAX_REASON_CHARS = 200;
export const MAX_NOTE_CHARS = 280;
/** Nobody counts more where they are. */
export const MAX_PEOPLE = 99_999;
/** Bundles that one receipt is of. */
export const MAX_RECEIPTS = 32;

const KEY_BYTES = 32;
/** As the identity part has it; browsers load none of that part's other code for it. */
const MAX_CHAIN_BYTES = 2_048;
const MAX_UINT32 = 2 ** 32 - 1;
const NORTH_POLE_E6 = 90_000_000;
const DATE_LINE_E6 = 180_000_000;

export type BodyKind = keyof Bodies;

interface BodyCodec<Body> {
  maxBytes: number;
  elements(body: Body): Cbor[];
  read(fields: Fields): Body;
}

/** The order of elements in each body. Places of the lists in `bodies.ts` are numbers on the wire: those lists only grow. */
const CODECS: { readonly [K in BodyKind]: BodyCodec<Bodies[K]> } = {
  sos: {
    maxBytes: MAX_TEXT_BODY_BYTES,
    elements: ({ text, name, place, people, injured, batteryPercent, contact }) => [
      tidyLines(text),
      tidyLine(name),
      ...placeElements(place),
      people,
      injured,
      batteryPercent === undefined ? [] : [batteryPercent],
      tidyLine(contact),
    ],
    read: (fields) => {
      const text = said(fields, "text", lines(fields, "text", MAX_TEXT_CHARS));
      const name = line(fields, "name", MAX_NAME_CHARS);
      const place = readPlace(fields);
      const people = fields.uint("people", MAX_PEOPLE);
      const injured = fields.uint("injured", MAX_PEOPLE);
      const battery = optional(fields, "batteryPercent", (list) => list.uint("value", 100));
      const contact = line(fields, "contact", MAX_CONTACT_CHARS);
      const body = { text, name, place, people, injured, contact };
      return battery === undefined ? body : { ...body, batteryPercent: battery };
    },
  },
  "check-in": {
    maxBytes: MAX_TEXT_BODY_BYTES,
    elements: ({ name, state, text, place }) => [
      tidyLine(name),
      CHECK_IN_STATES.indexOf(state),
      tidyLines(text),
      ...placeElements(place),
    ],
    read: (fields) => ({
      name: said(fields, "name", line(fields, "name", MAX_NAME_CHARS)),
      state: oneOf(fields, "state", CHECK_IN_STATES),
      text: lines(fields, "text", MAX_TEXT_CHARS),
      place: readPlace(fields),
    }),
  },
  post: {
    maxBytes: MAX_TEXT_BODY_BYTES,
    elements: ({ name, text, replyTo }) => [
      tidyLine(name),
      tidyLines(text),
      replyTo === undefined ? [] : [idBytes("post.replyTo", replyTo)],
    ],
    read: (fields) => {
      const name = line(fields, "name", MAX_NAME_CHARS);
      const text = said(fields, "text", lines(fields, "text", MAX_TEXT_CHARS));
      const replyTo = optional(fields, "replyTo", (list) => readId(list, "value"));
      return replyTo === undefined ? { name, text } : { name, text, replyTo };
    },
  },
  notice: {
    maxBytes: MAX_TEXT_BODY_BYTES,
    elements: ({ level, text }) => [NOTICE_LEVELS.indexOf(level), tidyLines(text)],
    read: (fields) => ({
      level: oneOf(fields, "level", NOTICE_LEVELS),
      text: said(fields, "text", lines(fields, "text", MAX_TEXT_CHARS)),
    }),
  },
  receipt: {
    maxBytes: MAX_TEXT_BODY_BYTES,
    // One byte string of all ids: LoRa carries many receipts, and has little room.
    elements: ({ state, of, note }) => [
      RECEIPT_STATES.indexOf(state),
      concatBytes(...of.map((id) => idBytes("receipt.of", id))),
      tidyLines(note),
    ],
    read: (fields) => ({
      state: oneOf(fields, "state", RECEIPT_STATES),
      of: readIds(fields, "of"),
      note: lines(fields, "note", MAX_NOTE_CHARS),
    }),
  },
  lookup: {
    maxBytes: MAX_TEXT_BODY_BYTES,
    elements: (body) => (body.of === "card" ? [0, body.key] : [1, tidyLine(body.name)]),
    read: (fields) => {
      const of = oneOf(fields, "of", ["card", "name"] as const);
      return of === "card"
        ? { of, key: fields.bytes("key", KEY_BYTES) }
        : { of, name: said(fields, "name", line(fields, "name", MAX_NAME_CHARS)) };
    },
  },
  card: {
    maxBytes: MAX_TEXT_BODY_BYTES,
    elements: ({ name, prekey, prekeyNumber, version }) => [tidyLine(name), prekey, prekeyNumber, version],
    read: (fields) => ({
      name: line(fields, "name", MAX_NAME_CHARS),
      prekey: fields.bytes("prekey", KEY_BYTES),
      prekeyNumber: fields.uint("prekeyNumber", MAX_UINT32),
      version: fields.uint("version"),
    }),
  },
  removal: {
    maxBytes: MAX_TEXT_BODY_BYTES,
    elements: ({ of, reason }) => [idBytes("removal.of", of), tidyLines(reason)],
    read: (fields) => ({ of: readId(fields, "of"), reason: lines(fields, "reason", MAX_REASON_CHARS) }),
  },
  photo: {
    maxBytes: MAX_BODY_BYTES,
    elements: ({ of, image }) => [idBytes("photo.of", of), image],
    read: (fields) => {
      const of = readId(fields, "of");
      const image = fields.bytes("image", 1, MAX_BODY_BYTES);
      if (!isPhoto(image)) throw fields.fail("image", "is neither JPEG nor WebP");
      return { of, image };
    },
  },
  credentials: {
    maxBytes: MAX_TEXT_BODY_BYTES,
    elements: ({ chain }) => [chain],
    read: (fields) => ({ chain: fields.bytes("chain", 1, MAX_CHAIN_BYTES) }),
  },
};

/**
 * The body of a kind as one deterministic CBOR array; texts are made tidy, see `body-text.ts`.
 * @throws {BundleError} naming the field: `sos.text`
 */
export function encodeBody<K extends BodyKind>(kind: K, body: Bodies[K]): Uint8Array {
  const codec: BodyCodec<Bodies[K]> = CODECS[kind];
  const bytes = encodeCbor(codec.elements(body));
  // One set of rules, for what is written here and for what comes from others.
  decodeBody(kind, bytes);
  return bytes;
}

/** @throws {BundleError} naming the field: `sos.text` */
export function decodeBody<K extends BodyKind>(kind: K, bytes: Uint8Array): Bodies[K] {
  const codec: BodyCodec<Bodies[K]> = CODECS[kind];
  const fields = decodeCborArray(bytes, codec.maxBytes, kind, (field, why) => new BundleError(field, why));
  const body = codec.read(fields);
  fields.end();
  return body;
}

/** Whether bytes begin as a JPEG or a WebP does: browsers look at the beginning too, and must find no page or script there. */
export function isPhoto(image: Uint8Array): boolean {
  const ascii = (from: number) => String.fromCharCode(...image.subarray(from, from + 4));
  const isJpeg = image[0] === 0xff && image[1] === 0xd8 && image[2] === 0xff;
  return isJpeg || (ascii(0) === "RIFF" && ascii(8) === "WEBP");
}

/** From the south pole and the date line, so that neither is below zero. */
function placeElements({ words, at }: Place): Cbor[] {
  return [
    tidyLine(words),
    at === undefined ? [] : [at.latitudeE6 + NORTH_POLE_E6, at.longitudeE6 + DATE_LINE_E6],
  ];
}

function readPlace(fields: Fields): Place {
  const words = line(fields, "place", MAX_PLACE_CHARS);
  const at = optional(
    fields,
    "at",
    (list): Coordinates => ({
      latitudeE6: list.uint("latitudeE6", 2 * NORTH_POLE_E6) - NORTH_POLE_E6,
      longitudeE6: list.uint("longitudeE6", 2 * DATE_LINE_E6) - DATE_LINE_E6,
    }),
  );
  return at === undefined ? { words } : { words, at };
}

/** What is not said is an empty array. */
function optional<T>(fields: Fields, field: string, read: (list: Fields) => T): T | undefined {
  const list = fields.list(field, 2);
  if (list.left === 0) return undefined;
  const value = read(list);
  list.end();
  return value;
}

const line = (fields: Fields, field: string, maxChars: number): string =>
  fields.text(field, maxChars, lineProblem);

const lines = (fields: Fields, field: string, maxChars: number): string =>
  fields.text(field, maxChars, linesProblem);

function said(fields: Fields, field: string, text: string): string {
  if (text === "") throw fields.fail(field, "is empty");
  return text;
}

function oneOf<T extends string>(fields: Fields, field: string, names: readonly T[]): T {
  const number = fields.uint(field, 255);
  const name = names[number];
  if (name === undefined) throw fields.fail(field, `${number} is not known here`);
  return name;
}

function idBytes(field: string, id: BundleId): Uint8Array {
  if (!/^[0-9a-f]{24}$/.test(id)) throw new BundleError(field, "is no bundle's id");
  return hexToBytes(id);
}

const readId = (fields: Fields, field: string): BundleId => bytesToHex(fields.bytes(field, ID_BYTES));

function readIds(fields: Fields, field: string): BundleId[] {
  const bytes = fields.bytes(field, ID_BYTES, ID_BYTES * MAX_RECEIPTS);
  if (bytes.length % ID_BYTES !== 0) throw fields.fail(field, "has a piece of an id");
  return Array.from({ length: bytes.length / ID_BYTES }, (_, index) =>
    bytesToHex(bytes.subarray(index * ID_BYTES, (index + 1) * ID_BYTES)),
  );
}
