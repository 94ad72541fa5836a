import { decode, encode } from "cborg";
import { z } from "zod";
import { STRICT_CBOR } from "../../identity/index.ts";
import { NAT_KINDS, type NatKind } from "../nat/nat-interface.ts";

/** What a box tells a peer of the ways to it, at first and whenever they change. */
export interface WaysMessage {
  /** "address:port" or "[address]:port"; never link-local. */
  endpoints: readonly string[];
  nat: NatKind;
  /** Its address on LoRa. */
  lora?: number;
  /** It forwards datagrams for others. */
  relays: boolean;
  /** Multiaddrs for streams. */
  addresses: readonly string[];
}

export const MOST_ENDPOINTS = 10;

const form = z.tuple([
  z.literal(1),
  z.array(z.string().max(60)).max(MOST_ENDPOINTS),
  z.enum(NAT_KINDS),
  z.int().min(0).max(0xff_ff_ff).nullable(),
  z.boolean(),
  z.array(z.string().max(200)).max(MOST_ENDPOINTS),
]);

/** A message of ways that is malformed. */
export class WaysError extends Error {
  override readonly name = "WaysError";
}

/** CBOR array `[1, endpoints, nat, lora or null, relays, addresses]`, a thousand bytes at most: what does not fit is left out from the end. */
export function encodeWays(ways: WaysMessage, maxBytes: number): Uint8Array {
  const endpoints = ways.endpoints.slice(0, MOST_ENDPOINTS);
  const addresses = ways.addresses.slice(0, MOST_ENDPOINTS);
  for (;;) {
    const bytes = encode([1, endpoints, ways.nat, ways.lora ?? null, ways.relays, addresses]);
    if (bytes.length <= maxBytes) return bytes;
    if (addresses.length >= endpoints.length) addresses.pop();
    else endpoints.pop();
  }
}

/** @throws {WaysError} with the field */
export function decodeWays(bytes: Uint8Array): WaysMessage {
  let value: unknown;
  try {
    value = decode(bytes, STRICT_CBOR);
  } catch (error) {
    throw new WaysError(`ways: ${error instanceof Error ? error.message : String(error)}`);
  }
  const parsed = form.safeParse(value);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new WaysError(`ways[${issue?.path.join(".")}]: ${issue?.message}`);
  }
  const [, endpoints, nat, lora, relays, addresses] = parsed.data;
  return { endpoints, nat, relays, addresses, ...(lora === null ? {} : { lora }) };
}
