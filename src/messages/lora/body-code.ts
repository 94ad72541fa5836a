import { decode, encode } from "cborg";
import { STRICT_CBOR } from "../../identity/cbor.ts";
import type { MessageCode } from "../../lora/index.ts";
import { OctetReader, OctetWriter } from "./octets.ts";

/** Stands for a text that is not empty. */
const TEXT = true;
type Shape = number | string | boolean | Uint8Array | readonly Shape[];

/** Between two texts; people cannot write it (`body-text.ts`). */
const BETWEEN = "\u001f";
const OTHER_SHAPE = 255;
const MOST_DEPTH = 4;

const eitherText = ["", TEXT] as const;
/**
 * What bodies are most often, but for their texts. Their places are numbers on the air: the list only grows.
 * Check-ins without coordinates, posts that answer none, notices, and calls for help of one or more people unhurt, or not said.
 */
const USUAL_SHAPES: readonly Shape[] = [
  ...[0, 1, 2, 3].flatMap((state) =>
    eitherText.flatMap((text) => eitherText.map((place) => [TEXT, state, text, place, []])),
  ),
  ...eitherText.map((name) => [name, TEXT, []]),
  ...[0, 1, 2].map((level) => [level, TEXT]),
  ...[0, 1, 2, 3].flatMap((people) =>
    eitherText.flatMap((name) =>
      eitherText.flatMap((place) =>
        eitherText.map((contact) => [TEXT, name, place, [], people, 0, [], contact]),
      ),
    ),
  ),
];

const keyOf = (shape: Uint8Array): string => Buffer.from(shape).toString("hex");
const USUAL_BYTES = USUAL_SHAPES.map((shape) => encode(shape));
const NUMBERS = new Map(USUAL_BYTES.map((bytes, number) => [keyOf(bytes), number]));

/*
 *   number of a usual shape 1 | 255 · length 1 · shape in CBOR
 *   all texts together, coded
 */

/**
 * A body, which is an array in CBOR, with its texts apart from what is around them: a code that knows texts makes one text of
 * all of them shorter than the bytes in which they lie.
 * @returns undefined where that makes it no shorter
 */
export function encodeBody(body: Uint8Array, code: MessageCode): Uint8Array | undefined {
  const texts: string[] = [];
  const bytes = shapeOf(body, texts);
  if (!bytes || texts.length === 0 || bytes.length >= OTHER_SHAPE) return undefined;
  const joined = new TextEncoder().encode(texts.join(BETWEEN));
  const coded = code.encode(joined);
  if (coded.length >= joined.length) return undefined;
  const number = NUMBERS.get(keyOf(bytes));
  const out = new OctetWriter().uint(number ?? OTHER_SHAPE, 1);
  if (number === undefined) out.uint(bytes.length, 1).bytes(bytes);
  const whole = out.bytes(coded).toBytes();
  return whole.length < body.length ? whole : undefined;
}

/**
 * @param bytes what {@link encodeBody} gave
 * @throws Error where it is none, or of a body of more than `maxBytes`
 */
export function decodeBody(bytes: Uint8Array, code: MessageCode, maxBytes: number): Uint8Array {
  const from = new OctetReader(bytes, "body");
  const number = from.uint("shape", 1);
  const shape = number === OTHER_SHAPE ? from.bytes("shape", from.uint("shape", 1)) : USUAL_BYTES[number];
  if (!shape) throw from.fail("shape", `${number} is not known here`);
  const joined = code.decode(from.rest(), maxBytes);
  const texts = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(joined).split(BETWEEN);
  const body = encode(filled(decode(shape, STRICT_CBOR), texts, MOST_DEPTH));
  if (texts.length > 0) throw from.fail("texts", "are more than its shape has places for");
  if (body.length > maxBytes) throw from.fail("texts", `make more than ${maxBytes} bytes`);
  return body;
}

/** @param texts where its texts are put. @returns undefined where the body could not be made anew of both */
function shapeOf(body: Uint8Array, texts: string[]): Uint8Array | undefined {
  try {
    const value: Shape = decode(body, STRICT_CBOR);
    const shape = encode(emptied(value, texts, MOST_DEPTH));
    const again = encode(filled(decode(shape, STRICT_CBOR), [...texts], MOST_DEPTH));
    return Buffer.compare(again, body) === 0 ? shape : undefined;
  } catch {
    // It is something else.
    return undefined;
  }
}

function emptied(value: Shape, texts: string[], depth: number): Shape {
  if (Array.isArray(value) && depth > 0) return value.map((one) => emptied(one, texts, depth - 1));
  if (typeof value !== "string" || value === "") return value;
  if (value.includes(BETWEEN)) throw new Error("it has what stands between two texts");
  texts.push(value);
  return TEXT;
}

/** @param texts taken one after the other */
function filled(shape: Shape, texts: string[], depth: number): Shape {
  if (Array.isArray(shape) && depth > 0) return shape.map((one) => filled(one, texts, depth - 1));
  if (shape !== TEXT) return shape;
  const text = texts.shift();
  if (!text) throw new Error("texts: fewer than its shape has places for");
  return text;
}
