import { fromBinary } from "@bufbuild/protobuf";
import type { FrameRules } from "./framer.ts";
import { type FromRadio, FromRadioSchema } from "./proto/meshtastic_pb.ts";

/** A frame has its number and its content; two more leave room for what later firmware may add. */
const MAX_FIELDS = 4;
const MAX_FIELD_NUMBER = 63;

/** How protobuf says what follows a tag (protobuf.dev/programming-guides/encoding). */
const WIRE = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const;

interface Varint {
  value: number;
  next: number;
}

/** In its shortest form, as every encoder writes it; noise seldom does. */
function varintAt(bytes: Uint8Array, at: number, maxBytes: number): Varint | "more" | "none" {
  let value = 0;
  for (let i = 0; i < maxBytes; i++) {
    const byte = bytes[at + i];
    if (byte === undefined) return "more";
    value += (byte & 0x7f) * 2 ** (7 * i);
    if (byte < 0x80) return byte === 0 && i > 0 ? "none" : { value, next: at + i + 1 };
  }
  return "none";
}

/** Where the value behind a tag ends. */
function endOfValue(bytes: Uint8Array, at: number, wire: number): number | "more" | "none" {
  switch (wire) {
    case WIRE.fixed64:
      return at + 8;
    case WIRE.fixed32:
      return at + 4;
    case WIRE.varint: {
      const value = varintAt(bytes, at, 10);
      return typeof value === "object" ? value.next : value;
    }
    case WIRE.bytes: {
      const length = varintAt(bytes, at, 2);
      return typeof length === "object" ? length.next + length.value : length;
    }
    default:
      return "none";
  }
}

/**
 * Whether a `FromRadio` of this length may begin so: a few fields in the order of their numbers, the last of which ends
 * with the frame. The first bytes of noise almost always show that it is none.
 */
function mayBegin(start: Uint8Array, length: number): boolean {
  let at = 0;
  let last = 0;
  for (let fields = 0; fields < MAX_FIELDS; fields++) {
    const tag = varintAt(start, at, 2);
    if (typeof tag === "string") return tag === "more" && start.length < length;
    const number = tag.value >> 3;
    if (number <= last || number > MAX_FIELD_NUMBER) return false;
    const end = endOfValue(start, tag.next, tag.value & 7);
    if (typeof end === "string") return end === "more" && start.length < length;
    if (end >= length) return end === length;
    if (end >= start.length) return true;
    at = end;
    last = number;
  }
  return false;
}

function decode(payload: Uint8Array): FromRadio | undefined {
  if (!mayBegin(payload, payload.length)) return undefined;
  try {
    return fromBinary(FromRadioSchema, payload);
  } catch {
    // Not protobuf: the bytes were noise.
    return undefined;
  }
}

/** What the firmware's frames look like. */
export const fromRadioRules: FrameRules<FromRadio> = { mayBegin, decode };
