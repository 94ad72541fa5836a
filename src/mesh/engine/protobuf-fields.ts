/** Bytes that are no protobuf message of varints and bytes. */
export class ProtobufError extends Error {
  override name = "ProtobufError";
}

/** A field's number and what is in it: a varint as a number, or bytes. */
export type Field = readonly [number: number, value: number | Uint8Array];

/** Fields with numbers below 16 only, which is all that circuit relay's messages have. */
export function encodeFields(fields: readonly Field[]): Uint8Array {
  return Buffer.concat(
    fields.map(([number, value]) =>
      typeof value === "number"
        ? Buffer.concat([Uint8Array.of(number << 3), varint(value)])
        : Buffer.concat([Uint8Array.of((number << 3) | 2), varint(value.length), value]),
    ),
  );
}

/**
 * The fields of a protobuf message (wire types 0 and 2; 1 and 5 are skipped). Of a field that comes twice the last counts.
 * @see https://protobuf.dev/programming-guides/encoding/
 * @throws {ProtobufError}
 */
export function decodeFields(bytes: Uint8Array): Map<number, number | Uint8Array> {
  const fields = new Map<number, number | Uint8Array>();
  let at = 0;
  const next = (): number => {
    let value = 0;
    for (let shift = 1, left = 10; left > 0; left -= 1, shift *= 128) {
      const byte = bytes[at];
      if (byte === undefined) throw new ProtobufError("ends within a number");
      at += 1;
      value += (byte & 0x7f) * shift;
      if (byte < 0x80) return value;
    }
    throw new ProtobufError("has a number without end");
  };
  while (at < bytes.length) {
    const tag = next();
    const type = tag % 8;
    if (type === 0) {
      fields.set(Math.floor(tag / 8), next());
      continue;
    }
    const length = type === 2 ? next() : type === 1 ? 8 : type === 5 ? 4 : Number.NaN;
    if (!(length <= bytes.length - at))
      throw new ProtobufError("has a field that is longer than the message");
    if (type === 2) fields.set(Math.floor(tag / 8), bytes.subarray(at, at + length));
    at += length;
  }
  return fields;
}

function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 0x80);
  bytes.push(rest);
  return Uint8Array.from(bytes);
}
