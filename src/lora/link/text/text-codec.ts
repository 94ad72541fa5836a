import { RangeDecoder, RangeEncoder } from "./range-coder.ts";
import { type DictionaryText, END_OF_TEXT, TextModel } from "./text-model.ts";

/** Longer ones are no texts of people, and each byte takes time: some 25 ms for this many on a desktop machine. */
export const LONGEST_TEXT_BYTES = 4_096;

/** What follows is a byte that has a meaning of its own here: the end, or this one. */
const ESCAPE = 1;
const ESCAPED_END = 2;
/** What has become longer by so much on the way is no text. */
const HOPELESS_BYTES = 16;

/** Writes texts by what a {@link TextModel} expects. Both sides need the same dictionary to the last byte. */
export class TextCodec {
  private readonly model: TextModel;

  constructor(dictionary: readonly DictionaryText[]) {
    // As many escapes as bytes, and the end.
    this.model = new TextModel(dictionary, 2 * LONGEST_TEXT_BYTES + 1);
  }

  /** @returns undefined where it would become longer on the way, or is longer than {@link LONGEST_TEXT_BYTES} */
  encode(text: Uint8Array): Uint8Array | undefined {
    if (text.length > LONGEST_TEXT_BYTES) return undefined;
    const { model } = this;
    const encoder = new RangeEncoder();
    const put = (byte: number) => {
      for (let shift = 7; shift >= 0; shift -= 1) {
        const bit = (byte >> shift) & 1;
        encoder.encode(bit, model.probability);
        model.update(bit);
      }
    };
    model.restart();
    for (const [at, byte] of text.entries()) {
      if (byte === END_OF_TEXT || byte === ESCAPE) put(ESCAPE);
      put(byte === END_OF_TEXT ? ESCAPED_END : byte);
      if (encoder.length > at + HOPELESS_BYTES) return undefined;
    }
    put(END_OF_TEXT);
    return encoder.finish();
  }

  /** @returns undefined where it is no encoded text, or one of more than `limit` bytes */
  decode(encoded: Uint8Array, limit: number): Uint8Array | undefined {
    const { model } = this;
    const decoder = new RangeDecoder(encoded);
    const take = () => {
      let bits = 1;
      while (bits < 0x100) {
        const bit = decoder.decode(model.probability);
        model.update(bit);
        bits = (bits << 1) | bit;
      }
      return bits & 0xff;
    };
    model.restart();
    const text: number[] = [];
    for (;;) {
      const byte = take();
      if (byte === END_OF_TEXT) return Uint8Array.from(text);
      if (text.length >= Math.min(limit, LONGEST_TEXT_BYTES)) return undefined;
      if (byte !== ESCAPE) {
        text.push(byte);
        continue;
      }
      const escaped = take();
      if (escaped !== ESCAPE && escaped !== ESCAPED_END) return undefined;
      text.push(escaped === ESCAPE ? ESCAPE : END_OF_TEXT);
    }
  }
}
