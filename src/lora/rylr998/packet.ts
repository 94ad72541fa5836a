import { MAX_DATA_BYTES } from "./line-parser.ts";
import { bytesThatFit, fromText, textLength, toText } from "./text-code.ts";

/**
 * The first character of what boxes send: the module tells a receiver who sent a packet, but not whether it was for it
 * alone, and others may send anything.
 */
const TO_ALL = "~";
const TO_ONE = "}";

/** 240 characters less the first one. */
export const MAX_PAYLOAD_BYTES = bytesThatFit(MAX_DATA_BYTES - 1);

/** The module's own header ("the payload part will increase more 8 bytes", AT command guide). */
const MODULE_BYTES = 8;

/** What the largest payload grows by on the air. */
export const MAX_OVERHEAD_BYTES = 1 + textLength(MAX_PAYLOAD_BYTES) - MAX_PAYLOAD_BYTES + MODULE_BYTES;

/** How long a packet is on the air, in bytes at the PHY. */
export const airBytes = (payloadBytes: number): number => 1 + textLength(payloadBytes) + MODULE_BYTES;

export const toData = (payload: Uint8Array, isToOne: boolean): string =>
  (isToOne ? TO_ONE : TO_ALL) + toText(payload);

/** @returns undefined when no box sent it */
export function fromData(data: Uint8Array): { payload: Uint8Array; isToOne: boolean } | undefined {
  const first = String.fromCharCode(data[0] ?? 0);
  if (first !== TO_ALL && first !== TO_ONE) return undefined;
  const payload = fromText(data.subarray(1));
  return payload && payload.length > 0 ? { payload, isToOne: first === TO_ONE } : undefined;
}
