import { PROBABILITY_ONE } from "./logistic.ts";

/**
 * The interval that everything is encoded in. What begins with 0xFF and a byte of {@link OTHER_METHODS} or more is never
 * a result, and free for other methods; that costs less than a thousandth of a bit.
 */
const LARGEST = 0xffef_ffff;
export const OTHER_METHODS = 0xf0;

/** Where the interval `low` to `high` is cut for a 1 of this probability, in 1/4096; no bit's part is empty. */
const cut = (low: number, high: number, probability: number): number =>
  low + Math.floor(((high - low) * probability) / PROBABILITY_ONE);

/** Whether the first bytes of both agree. Both are 32 bits without sign. */
const firstByteAgrees = (low: number, high: number): boolean => ((low ^ high) & 0xff00_0000) === 0;

/**
 * Bits as an interval that becomes narrower by what each was expected to be (carryless binary arithmetic coding, as in
 * Mahoney's lpaq). What follows the last byte counts as zeros, so that the end costs as little as it can.
 */
export class RangeEncoder {
  private readonly bytes: number[] = [];
  private low = 0;
  private high = LARGEST;

  /** Bytes that are certain so far. */
  get length(): number {
    return this.bytes.length;
  }

  /** @param probability of a 1, in 1/4096: 1 to 4095 */
  encode(bit: number, probability: number): void {
    const middle = cut(this.low, this.high, probability);
    if (bit === 1) this.high = middle;
    else this.low = middle + 1;
    while (firstByteAgrees(this.low, this.high)) {
      this.bytes.push(this.high >>> 24);
      this.low = (this.low << 8) >>> 0;
      this.high = ((this.high << 8) | 0xff) >>> 0;
    }
  }

  /** The shortest bytes that lie in the interval. Nothing may be encoded after it. */
  finish(): Uint8Array {
    for (const unit of [2 ** 32, 2 ** 24, 2 ** 16, 2 ** 8, 1]) {
      const value = Math.ceil(this.low / unit) * unit;
      if (value > this.high) continue;
      for (let shift = 24; 2 ** shift >= unit; shift -= 8) this.bytes.push((value >>> shift) & 0xff);
      break;
    }
    while (this.bytes.at(-1) === 0) this.bytes.pop();
    return Uint8Array.from(this.bytes);
  }
}

export class RangeDecoder {
  private at = 0;
  private low = 0;
  private high = LARGEST;
  private value = 0;

  constructor(private readonly bytes: Uint8Array) {
    for (let count = 0; count < 4; count += 1) this.value = this.withNext();
  }

  /** @param probability of a 1, in 1/4096, as it was when the bit was encoded */
  decode(probability: number): number {
    const middle = cut(this.low, this.high, probability);
    const bit = this.value <= middle ? 1 : 0;
    if (bit === 1) this.high = middle;
    else this.low = middle + 1;
    while (firstByteAgrees(this.low, this.high)) {
      this.low = (this.low << 8) >>> 0;
      this.high = ((this.high << 8) | 0xff) >>> 0;
      this.value = this.withNext();
    }
    return bit;
  }

  private withNext(): number {
    const next = ((this.value << 8) | (this.bytes[this.at] ?? 0)) >>> 0;
    this.at += 1;
    return next;
  }
}
