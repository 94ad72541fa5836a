import { decode, encode } from "cborg";
import { z } from "zod";
import { STRICT_CBOR } from "../../identity/index.ts";
import type { Endpoint } from "./endpoint.ts";
import { canonicalEndpoint } from "./endpoint-code.ts";
import { SHARE_BYTES } from "./session-keys.ts";

/** What each side tells the other over a libp2p stream to agree on a session. */
export interface SessionOffer {
  /** Unsigned 32 bit, its owner's. */
  index: number;
  share: Uint8Array;
  /** Where it believes that it can be reached, at most {@link MAX_OFFERED_ENDPOINTS}; whoever says so may lie. */
  endpoints: readonly Endpoint[];
  /** Its address on LoRa, 24 bit. */
  lora?: number;
  /** It forwards datagrams for others. */
  relays: boolean;
}

export const MAX_OFFERED_ENDPOINTS = 16;
/** No offer is longer. */
export const MAX_OFFER_BYTES = 2_048;

/** An offer that is malformed, or of another version. */
export class SessionOfferError extends Error {
  override readonly name = "SessionOfferError";
}

const VERSION = 1;
const endpointForm = z.tuple([z.string().max(64), z.int().min(1).max(65_535)]);
const form = z.tuple([
  z.literal(VERSION),
  z.int().min(0).max(0xffff_ffff),
  z.instanceof(Uint8Array).refine(({ length }) => length === SHARE_BYTES, `not ${SHARE_BYTES} bytes`),
  z.array(endpointForm).max(MAX_OFFERED_ENDPOINTS),
  z.int().min(0).max(0xff_ffff).nullable(),
  z.boolean(),
]);

/** A CBOR array `[1, index, share, [[address, port], …], LoRa address or null, relays]`. Endpoints beyond the bound are left out. */
export function encodeSessionOffer({ index, share, endpoints, lora, relays }: SessionOffer): Uint8Array {
  const shown = endpoints.slice(0, MAX_OFFERED_ENDPOINTS).map(({ address, port }) => [address, port]);
  return encode([VERSION, index, share, shown, lora ?? null, relays]);
}

/** @throws {SessionOfferError} naming the field; endpoints that are no IP addresses, or carry a zone, are left out */
export function decodeSessionOffer(bytes: Uint8Array): SessionOffer {
  if (bytes.length > MAX_OFFER_BYTES) throw new SessionOfferError(`offer: ${bytes.length} bytes`);
  let value: unknown;
  try {
    value = decode(bytes, STRICT_CBOR);
  } catch (error) {
    throw new SessionOfferError(`offer: ${error instanceof Error ? error.message : String(error)}`);
  }
  const parsed = form.safeParse(value);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new SessionOfferError(`offer[${issue?.path.join(".")}]: ${issue?.message}`);
  }
  const [, index, share, told, lora, relays] = parsed.data;
  // A zone means nothing on another box.
  const endpoints = told.flatMap(([address, port]) =>
    address.includes("%") ? [] : (canonicalEndpoint({ address, port }) ?? []),
  );
  return { index, share, endpoints, relays, ...(lora === null ? {} : { lora }) };
}
