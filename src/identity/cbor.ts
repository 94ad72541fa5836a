import { type DecodeOptions, decode, encode } from "cborg";

/** For what comes from others: CBOR as RFC 8949, section 4.2.1, wants it, of nothing but what JSON could say, and bytes. */
export const STRICT_CBOR: DecodeOptions = {
  strict: true,
  allowIndefinite: false,
  allowUndefined: false,
  allowNaN: false,
  allowInfinity: false,
  allowBigInt: false,
  rejectDuplicateMapKeys: true,
};

/** What the formats here are made of: no floats, no maps, no tags, nothing undefined. */
export type Cbor = number | string | Uint8Array | readonly Cbor[];

/** Deterministic CBOR (RFC 8949, section 4.2.1). */
export function encodeCbor(value: Cbor): Uint8Array {
  return Uint8Array.from(encode(value));
}

/** Makes a part's own error of a field and what is wrong with it. */
export type FieldError = (field: string, why: string) => Error;

/**
 * Decodes one deterministic CBOR array, and nothing else: there is one encoding of every value, so that the same facts
 * have the same bytes, hash and signature.
 * @throws what `error` makes
 */
export function decodeCborArray(
  bytes: Uint8Array,
  maxBytes: number,
  what: string,
  error: FieldError,
): Fields {
  if (bytes.length > maxBytes) throw error(what, `${bytes.length} bytes, more than ${maxBytes}`);
  let value: unknown;
  try {
    value = decode(bytes, STRICT_CBOR);
    // What decodes to the same value but was not written as we would is refused: longer numbers, broken UTF-8, floats.
    if (!isSame(encode(value), bytes)) throw new Error("not in its one deterministic form");
  } catch (cause) {
    throw error(what, cause instanceof Error ? cause.message : String(cause));
  }
  if (!Array.isArray(value)) throw error(what, "is no array");
  return new Fields(value, what, error);
}

/** Without Buffer: browsers read these forms too. */
const isSame = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && a.every((byte, index) => byte === b[index]);

/** Beyond that a number is no time, count or epoch of ours. */
const LARGEST = 2 ** 40;

/** Control characters, and those that turn the direction of writing around: a name must not draw on a screen. */
const NOT_IN_TEXT = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/u;

/** @returns what is wrong with a text that people will read, or undefined */
export function textProblem(text: string, maxChars: number): string | undefined {
  const length = [...text].length;
  if (length > maxChars) return `${length} characters, more than ${maxChars}`;
  return NOT_IN_TEXT.test(text) ? "has a character that cannot be shown" : undefined;
}

/** The elements of an array, taken one after the other, each checked. */
export class Fields {
  private taken = 0;

  constructor(
    private readonly values: readonly unknown[],
    /** The path to it, for errors. */
    readonly what: string,
    private readonly error: FieldError,
  ) {}

  /** How many have not been taken. */
  get left(): number {
    return this.values.length - this.taken;
  }

  bytes(field: string, minBytes: number, maxBytes = minBytes): Uint8Array {
    const value = this.next(field);
    if (!(value instanceof Uint8Array)) throw this.fail(field, "is no byte string");
    if (value.length < minBytes || value.length > maxBytes) {
      const allowed = minBytes === maxBytes ? `${minBytes}` : `${minBytes} to ${maxBytes}`;
      throw this.fail(field, `${value.length} bytes, not ${allowed}`);
    }
    return Uint8Array.from(value);
  }

  uint(field: string, max = LARGEST): number {
    const value = this.next(field);
    if (typeof value !== "number" || !Number.isInteger(value) || value < 0 || value > max) {
      throw this.fail(field, `is no whole number from 0 to ${max}`);
    }
    return value;
  }

  /** Whether a text comes next: for formats in which there may be something else. */
  get isText(): boolean {
    return typeof this.values[this.taken] === "string";
  }

  /** @param problemOf what is wrong with a text; one that may have lines has rules of its own */
  text(field: string, maxChars: number, problemOf = textProblem): string {
    const value = this.next(field);
    if (typeof value !== "string") throw this.fail(field, "is no text");
    const problem = problemOf(value, maxChars);
    if (problem !== undefined) throw this.fail(field, problem);
    return value;
  }

  list(field: string, maxLength: number): Fields {
    const value = this.next(field);
    if (!Array.isArray(value)) throw this.fail(field, "is no array");
    if (value.length > maxLength) throw this.fail(field, `${value.length} elements, more than ${maxLength}`);
    return new Fields(value, `${this.what}.${field}`, this.error);
  }

  /** Nothing may be left. */
  end(): void {
    if (this.left > 0) throw this.error(this.what, `has ${this.left} elements too many`);
  }

  private next(field: string): unknown {
    if (this.left === 0) throw this.fail(field, "is missing");
    const value = this.values[this.taken];
    this.taken += 1;
    return value;
  }

  fail(field: string, why: string): Error {
    return this.error(`${this.what}.${field}`, why);
  }
}
