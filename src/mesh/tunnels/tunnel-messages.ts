import { isIP, isIPv6 } from "node:net";
import { decode, encode } from "cborg";
import { z } from "zod";
import { STRICT_CBOR } from "../../identity/index.ts";
import type { PeerId } from "../engine/engine-interface.ts";
import { NAT_KINDS, type NatKind } from "../nat/nat-interface.ts";
import { type Endpoint, endpointText } from "../paths/endpoint.ts";
import { isUnicast } from "./endpoint-rules.ts";

/** Control channels: between the ends and from a relay to them; and to a relay. */
export const TUNNEL_CHANNEL = "tunnel";
export const RELAY_CHANNEL = "tunnel-relay";

export const TUNNEL_ID_BYTES = 16;
export const MAX_CANDIDATES = 8;
/** UTF-16 units; with as many candidates as may be, a message still fits into MAX_CONTROL_BYTES. */
export const MAX_PURPOSE = 120;
const MAX_REASON = 100;
/** Some more than base58 of an Ed25519 peer id has. */
const MAX_PEER_ID = 64;

/** Where one end may be met. */
export interface Whereabouts {
  nat: NatKind;
  /** Of its WireGuard port, at most {@link MAX_CANDIDATES}; no zone, never link-local. */
  endpoints: readonly Endpoint[];
  /** Its way to the other end leaves by a link whose volume is paid for. */
  metered: boolean;
}

export type TunnelMessage = { id: Uint8Array } & (
  | { type: "offer"; key: Uint8Array; purpose: string; at: Whereabouts }
  | { type: "accept"; key: Uint8Array; at: Whereabouts }
  /** The sender's addresses have changed. The higher `sequence` is the newer. */
  | { type: "candidates"; sequence: number; at: Whereabouts }
  /** The end that opened the tunnel has a relay: the other's endpoints there; none: it has none any more. */
  | { type: "relayed"; relay: PeerId; endpoints: readonly Endpoint[] }
  | { type: "bye"; reason: string }
  /** From a relay, to who asked: its endpoints for the two ends. */
  | { type: "grant"; yours: readonly Endpoint[]; theirs: readonly Endpoint[]; lifetimeS: number }
  | { type: "deny"; reason: string }
  /** From a relay, to both ends: where it hears the other's WireGuard port from. */
  | { type: "observed"; other: Endpoint }
  /** From a relay, to both ends: it relays no longer. */
  | { type: "relay-over" }
);

export type RelayMessage = {
  id: Uint8Array;
} /** Asks for a relay, or for one to go on; `observe`: tell both ends now what is seen of the other. */ & (
  | { type: "request"; other: PeerId; family: 4 | 6; observe: boolean }
  | { type: "end" }
);

/** A message about tunnels that is malformed. */
export class TunnelMessageError extends Error {
  override readonly name = "TunnelMessageError";
}

const bytes = (length: number) =>
  z.instanceof(Uint8Array).refine((value) => value.length === length, { error: `${length} bytes` });
const id = bytes(TUNNEL_ID_BYTES);
const key = bytes(32);
const endpoint = z.string().max(60).transform(endpointOf);
const endpoints = z.array(endpoint).max(MAX_CANDIDATES);
const nat = z.enum(NAT_KINDS);
const peer = z
  .string()
  .min(1)
  .max(MAX_PEER_ID)
  .regex(/^[\x21-\x7e]+$/);

/** CBOR arrays, their first element says which; the rest in this order. */
const tunnelForm = z.union([
  z.tuple([z.literal(1), id, key, z.string().max(MAX_PURPOSE), nat, endpoints, z.boolean()]),
  z.tuple([z.literal(2), id, key, nat, endpoints, z.boolean()]),
  z.tuple([z.literal(3), id, z.int().min(0).max(0xffff_ffff), nat, endpoints, z.boolean()]),
  z.tuple([z.literal(4), id, peer, endpoints]),
  z.tuple([z.literal(5), id, z.string().max(MAX_REASON)]),
  z.tuple([z.literal(6), id, endpoints.min(1), endpoints.min(1), z.int().min(1).max(86_400)]),
  z.tuple([z.literal(7), id, z.string().max(MAX_REASON)]),
  z.tuple([z.literal(8), id, endpoint]),
  z.tuple([z.literal(9), id]),
]);

const relayForm = z.union([
  z.tuple([z.literal(1), id, peer, z.literal([4, 6]), z.boolean()]),
  z.tuple([z.literal(2), id]),
]);

export function encodeTunnelMessage(message: TunnelMessage): Uint8Array {
  switch (message.type) {
    case "offer":
      return encode([1, message.id, message.key, cut(message.purpose, MAX_PURPOSE), ...placed(message.at)]);
    case "accept":
      return encode([2, message.id, message.key, ...placed(message.at)]);
    case "candidates":
      return encode([3, message.id, message.sequence, ...placed(message.at)]);
    case "relayed":
      return encode([4, message.id, message.relay, texts(message.endpoints)]);
    case "bye":
      return encode([5, message.id, cut(message.reason, MAX_REASON)]);
    case "grant":
      return encode([6, message.id, texts(message.yours), texts(message.theirs), message.lifetimeS]);
    case "deny":
      return encode([7, message.id, cut(message.reason, MAX_REASON)]);
    case "observed":
      return encode([8, message.id, endpointText(message.other)]);
    case "relay-over":
      return encode([9, message.id]);
  }
}

/** @throws {TunnelMessageError} with the field */
export function decodeTunnelMessage(body: Uint8Array): TunnelMessage {
  const form = parsed(tunnelForm, body);
  const id = form[1];
  switch (form[0]) {
    case 1:
      return {
        type: "offer",
        id,
        key: form[2],
        purpose: form[3],
        at: whereabouts(form[4], form[5], form[6]),
      };
    case 2:
      return { type: "accept", id, key: form[2], at: whereabouts(form[3], form[4], form[5]) };
    case 3:
      return { type: "candidates", id, sequence: form[2], at: whereabouts(form[3], form[4], form[5]) };
    case 4:
      return { type: "relayed", id, relay: form[2], endpoints: form[3] };
    case 5:
      return { type: "bye", id, reason: form[2] };
    case 6:
      return { type: "grant", id, yours: form[2], theirs: form[3], lifetimeS: form[4] };
    case 7:
      return { type: "deny", id, reason: form[2] };
    case 8:
      return { type: "observed", id, other: form[2] };
    case 9:
      return { type: "relay-over", id };
  }
}

export function encodeRelayMessage(message: RelayMessage): Uint8Array {
  switch (message.type) {
    case "request":
      return encode([1, message.id, message.other, message.family, message.observe]);
    case "end":
      return encode([2, message.id]);
  }
}

/** @throws {TunnelMessageError} with the field */
export function decodeRelayMessage(body: Uint8Array): RelayMessage {
  const form = parsed(relayForm, body);
  const id = form[1];
  switch (form[0]) {
    case 1:
      return { type: "request", id, other: form[2], family: form[3], observe: form[4] };
    case 2:
      return { type: "end", id };
  }
}

function parsed<T>(form: z.ZodType<T>, body: Uint8Array): T {
  let value: unknown;
  try {
    value = decode(body, STRICT_CBOR);
  } catch (error) {
    throw new TunnelMessageError(`tunnel message: ${error instanceof Error ? error.message : String(error)}`);
  }
  const result = form.safeParse(value);
  if (!result.success) throw new TunnelMessageError(`tunnel message: ${result.error.message.slice(0, 300)}`);
  return result.data;
}

const placed = ({ nat, endpoints, metered }: Whereabouts): [NatKind, string[], boolean] => [
  nat,
  texts(endpoints),
  metered,
];
const whereabouts = (nat: NatKind, endpoints: readonly Endpoint[], metered: boolean): Whereabouts => ({
  nat,
  endpoints,
  metered,
});
const texts = (endpoints: readonly Endpoint[]): string[] =>
  endpoints.slice(0, MAX_CANDIDATES).map(endpointText);

/** At most so many UTF-16 units, no half of a surrogate pair at the end. */
const cut = (text: string, units: number): string => text.slice(0, units).toWellFormed();

/** "192.0.2.1:4500" or "[2001:db8::1]:4500", an address to which a datagram may be sent. */
function endpointOf(text: string, context: z.RefinementCtx): Endpoint {
  const match = /^(?:\[([0-9a-f:.]+)\]|([\d.]+)):([1-9]\d{0,4})$/i.exec(text);
  const address = match?.[1] ?? match?.[2] ?? "";
  const port = Number(match?.[3]);
  const isRight = match?.[1] === undefined ? isIP(address) === 4 : isIPv6(address);
  if (!isRight || port > 65_535 || !isUnicast(address)) {
    context.addIssue({ code: "custom", message: "an endpoint of a unicast address" });
    return z.NEVER;
  }
  return { address, port };
}
