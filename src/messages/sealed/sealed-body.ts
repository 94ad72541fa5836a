import { bytesToHex, concatBytes, hexToBytes } from "@noble/hashes/utils.js";
import { type Cbor, decodeCborArray, encodeCbor, type Fields } from "../../identity/cbor.ts";
import { isPhoto } from "../bundle/body-codec.ts";
import { linesProblem, tidyLines } from "../bundle/body-text.ts";
import { type BundleId, ID_BYTES } from "../bundle/bundle.ts";
import { malformed } from "./sealed-form.ts";

// Browsers run this too: no Buffer, nothing of Node's.

/** What one person says to another. */
export type SealedBody =
  | { kind: "text"; text: string; replyTo?: BundleId }
  /** JPEG or WebP, at most {@link MAX_IMAGE_BYTES}; too long for LoRa. The text may be empty. */
  | { kind: "photo"; image: Uint8Array; text: string; replyTo?: BundleId }
  /** These were read, 1 to 32. Boxes do not learn it, as they would from a receipt. */
  | { kind: "read"; of: readonly BundleId[] }
  /**
   * Something from you could not be opened here, for keys were lost: use the session of this message, and send again what was not
   * delivered.
   */
  | { kind: "renew" };

export const MAX_TEXT_CHARS = 2_000;
/** Of a photo, scaled down. */
export const MAX_IMAGE_BYTES = 49_152;
const MAX_MARKS = 32;
const MAX_PLAIN_BYTES = 58_368;

const NUMBERS = { text: 0, photo: 1, read: 2, renew: 3 } as const;

/** Lengths up to which are rounded up to multiples of what: a step costs airtime, and hides how much was said. */
const STEPS = [
  { upTo: 192, step: 16 },
  { upTo: 1_024, step: 64 },
  { upTo: MAX_PLAIN_BYTES, step: 1_024 },
] as const;

/**
 * A body as deterministic CBOR, `[number, …]`, and padding behind it (ISO/IEC 7816-4: 0x80, then zeros).
 * @throws {SealedError} `malformed`, naming the field
 */
export function encodeSealedBody(body: SealedBody): Uint8Array {
  const bytes = encodeCbor([NUMBERS[body.kind], ...elements(body)]);
  // One set of rules, for what is written here and for what comes from others.
  readBody(bytes);
  const length = bytes.length + 1;
  const step = STEPS.find(({ upTo }) => length <= upTo)?.step ?? 1;
  const padded = new Uint8Array(Math.ceil(length / step) * step);
  padded.set(bytes);
  padded[bytes.length] = 0x80;
  return padded;
}

/** @throws {SealedError} `malformed` */
export function decodeSealedBody(padded: Uint8Array): SealedBody {
  let end = padded.length - 1;
  while (end > 0 && padded[end] === 0) end -= 1;
  if (padded[end] !== 0x80) throw malformed("padding", "is none");
  return readBody(padded.subarray(0, end));
}

function elements(body: SealedBody): Cbor[] {
  switch (body.kind) {
    case "text":
      return [tidyLines(body.text), ...reply(body.replyTo)];
    case "photo":
      return [body.image, tidyLines(body.text), ...reply(body.replyTo)];
    case "read":
      return [concatBytes(...body.of.map(idBytes))];
    case "renew":
      return [];
  }
}

function readBody(bytes: Uint8Array): SealedBody {
  const fields = decodeCborArray(bytes, MAX_PLAIN_BYTES, "content", malformed);
  const body = readKind(fields, fields.uint("kind", 255));
  fields.end();
  return body;
}

function readKind(fields: Fields, number: number): SealedBody {
  switch (number) {
    case NUMBERS.text: {
      const text = fields.text("text", MAX_TEXT_CHARS, linesProblem);
      if (text === "") throw fields.fail("text", "is empty");
      return { kind: "text", text, ...readReply(fields) };
    }
    case NUMBERS.photo: {
      const image = fields.bytes("image", 1, MAX_IMAGE_BYTES);
      if (!isPhoto(image)) throw fields.fail("image", "is neither JPEG nor WebP");
      const text = fields.text("text", MAX_TEXT_CHARS, linesProblem);
      return { kind: "photo", image, text, ...readReply(fields) };
    }
    case NUMBERS.read:
      return { kind: "read", of: readIds(fields) };
    case NUMBERS.renew:
      return { kind: "renew" };
    default:
      throw fields.fail("kind", `${number} is not known here`);
  }
}

/** Nothing, where it answers nothing: the most frequent kind is the shortest. */
const reply = (id: BundleId | undefined): Cbor[] => (id === undefined ? [] : [idBytes(id)]);

const readReply = (fields: Fields): { replyTo?: BundleId } =>
  fields.left === 0 ? {} : { replyTo: bytesToHex(fields.bytes("replyTo", ID_BYTES)) };

function readIds(fields: Fields): BundleId[] {
  const bytes = fields.bytes("of", ID_BYTES, ID_BYTES * MAX_MARKS);
  if (bytes.length % ID_BYTES !== 0) throw fields.fail("of", "has a piece of an id");
  return Array.from({ length: bytes.length / ID_BYTES }, (_, index) =>
    bytesToHex(bytes.subarray(index * ID_BYTES, (index + 1) * ID_BYTES)),
  );
}

function idBytes(id: BundleId): Uint8Array {
  if (!/^[0-9a-f]{24}$/.test(id)) throw malformed("id", "is no bundle's");
  return hexToBytes(id);
}
