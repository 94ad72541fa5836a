import type { Fate } from "../radio.ts";
import { numberOf } from "./node-id.ts";
import { KEY_BYTES, MAX_PAYLOAD_BYTES } from "./wire-sizes.ts";

type Failed = Extract<Fate, { state: "failed" }>;

const refused = (detail: string): Failed => ({ state: "failed", reason: "refused", detail });

/**
 * Why a packet cannot be sent, as far as that is known beforehand.
 * @param self the radio's own number
 * @param hasKey whether the firmware will encrypt for a node's own key
 */
export function failureOf(
  payload: Uint8Array,
  to: string | undefined,
  self: number | undefined,
  hasKey: (number: number) => boolean,
): Failed | undefined {
  if (payload.length === 0) return refused("payload: it is empty");
  const number = to === undefined ? undefined : numberOf(to);
  if (to !== undefined && number === undefined) return refused(`to: ${to} names no node`);
  if (number !== undefined && number === self) return refused(`to: ${to} is this radio`);
  const limit = MAX_PAYLOAD_BYTES - (number !== undefined && hasKey(number) ? KEY_BYTES : 0);
  if (payload.length <= limit) return undefined;
  return {
    state: "failed",
    reason: "too-large",
    detail: `payload: ${payload.length} bytes, more than ${limit}`,
  };
}
