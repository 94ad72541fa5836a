import { deflateRawSync, inflateRawSync } from "node:zlib";
import type { MessageCode } from "../message-code.ts";
import { firstDictionary } from "./dictionary.ts";
import { OTHER_METHODS } from "./range-coder.ts";
import { LONGEST_TEXT_BYTES, TextCodec } from "./text-codec.ts";

/**
 * What begins with these two bytes is not written by the text model of dictionary 1. Their numbers are on the air for
 * ever; another dictionary gets the next one, up to 15, and a box that does not know it does not take the message.
 */
const METHODS = { deflate: OTHER_METHODS } as const;
const OTHER_METHOD = 0xff;
const METHOD_BYTES = 2;

let codec: TextCodec | undefined;

/** Made when it is needed first: the dictionary takes 0.3 s to learn on a desktop machine, and 9 MB. */
const textCodec = (): TextCodec => {
  codec ??= new TextCodec(firstDictionary());
  return codec;
};

/** Learns the dictionary now, so that the first message does not wait for it. */
export function warmTextCode(): void {
  textCodec();
}

/**
 * A message made shorter for the air: a text by a model that has learned texts of 16 languages, what is longer than
 * {@link LONGEST_TEXT_BYTES} by deflate. Over texts of 20 to 200 bytes that no dictionary has seen, the model takes 33 %
 * of UTF-8 (37 to 40 % on other subjects than the sample's), prediction by partial match 43 %, deflate with a dictionary
 * for each language 55 % and with one for all 61 %, a static code of frequent chunks 69 %, script windows 78 %, zstd with
 * a dictionary 81 % (test/bench/lora-text.ts measures them all).
 * @returns the message itself where nothing makes it shorter
 */
export function encodeText(message: Uint8Array): Uint8Array {
  const encoded = message.length <= LONGEST_TEXT_BYTES ? textCodec().encode(message) : deflated(message);
  return encoded && encoded.length < message.length ? encoded : message;
}

/**
 * @param coded what {@link encodeText} gave, where that is shorter than the message
 * @throws Error when it is not, or the message has more than `maxBytes`
 */
export function decodeText(coded: Uint8Array, maxBytes: number): Uint8Array {
  const method = coded[0] === OTHER_METHOD ? (coded[1] ?? 0) : 0;
  if (method < OTHER_METHODS) {
    const text = textCodec().decode(coded, maxBytes);
    if (!text) throw new Error(`coded: no text of at most ${maxBytes} bytes`);
    return text;
  }
  if (method !== METHODS.deflate) throw new Error(`coded: method ${method - OTHER_METHODS} is not known`);
  return new Uint8Array(inflateRawSync(coded.subarray(METHOD_BYTES), { maxOutputLength: maxBytes }));
}

/** For a link: both directions. */
export const textCode: MessageCode = { warm: warmTextCode, encode: encodeText, decode: decodeText };

function deflated(message: Uint8Array): Uint8Array {
  return Uint8Array.from([OTHER_METHOD, METHODS.deflate, ...deflateRawSync(message, { level: 9 })]);
}
