/** Bytes from the air that are not what they should be. */
export class LoraFormError extends Error {
  override readonly name = "LoraFormError";
  constructor(
    /** What is wrong with it: `bundle.age`, `hello.routes`. */
    readonly field: string,
    why: string,
  ) {
    super(`${field}: ${why}`);
  }
}

/** Writes numbers, most significant byte first, and bytes one after the other. */
export class OctetWriter {
  private readonly octets: number[] = [];

  get length(): number {
    return this.octets.length;
  }

  /** @param width in bytes, 1 to 6 */
  uint(value: number, width: number): this {
    for (let place = width - 1; place >= 0; place -= 1)
      this.octets.push(Math.floor(value / 2 ** (8 * place)) % 256);
    return this;
  }

  /** A number of any size: seven bits in each byte, the highest set where more follow (LEB128). */
  varint(value: number): this {
    let left = value;
    while (left >= 0x80) {
      this.octets.push((left % 0x80) | 0x80);
      left = Math.floor(left / 0x80);
    }
    this.octets.push(left);
    return this;
  }

  bytes(bytes: Uint8Array): this {
    for (const byte of bytes) this.octets.push(byte);
    return this;
  }

  toBytes(): Uint8Array {
    return Uint8Array.from(this.octets);
  }
}

/** Takes apart what {@link OctetWriter} wrote, and nothing beyond its end. */
export class OctetReader {
  private at = 0;

  constructor(
    private readonly octets: Uint8Array,
    /** For errors. */
    private readonly what: string,
  ) {}

  get left(): number {
    return this.octets.length - this.at;
  }

  uint(field: string, width: number): number {
    return this.bytes(field, width).reduce((value, octet) => value * 256 + octet, 0);
  }

  /** @param most a larger number is none */
  varint(field: string, most: number): number {
    let value = 0;
    for (let scale = 1; scale <= 2 ** 42; scale *= 0x80) {
      const octet = this.uint(field, 1);
      value += (octet & 0x7f) * scale;
      if (octet >= 0x80) continue;
      // There is one way to write each number.
      if (octet === 0 && scale > 1) throw this.fail(field, "is longer than it need be");
      if (value > most) throw this.fail(field, `${value} is more than ${most}`);
      return value;
    }
    throw this.fail(field, "never ends");
  }

  bytes(field: string, length: number): Uint8Array {
    if (length > this.left) throw this.fail(field, "what was sent ends before it");
    this.at += length;
    return this.octets.slice(this.at - length, this.at);
  }

  rest(): Uint8Array {
    return this.bytes("rest", this.left);
  }

  fail(field: string, why: string): LoraFormError {
    return new LoraFormError(`${this.what}.${field}`, why);
  }
}
