import type { PeerId } from "./engine-interface.ts";
import { multihashOf, peerIdOfMultihash } from "./peer-id.ts";
import { decodeFields, encodeFields } from "./protobuf-fields.ts";

/** Longest message of circuit relay that is read, in bytes. */
export const MAX_CIRCUIT_MESSAGE_BYTES = 4_096;

/** @see https://github.com/libp2p/specs/blob/master/relay/circuit-v2.md */
export const STATUS = {
  ok: 100,
  reservationRefused: 200,
  resourceLimitExceeded: 201,
  permissionDenied: 202,
  connectionFailed: 203,
  noReservation: 204,
  malformedMessage: 400,
  unexpectedMessage: 401,
} as const;
export type Status = (typeof STATUS)[keyof typeof STATUS];

export type HopRequest = { type: "reserve" } | { type: "connect"; peer: PeerId };

const HOP = { reserve: 0, connect: 1, status: 2 } as const;
const STOP = { connect: 0, status: 1 } as const;
const PEER_ID = 1;

/** What a member asks of a relay. @returns undefined for anything else */
export function decodeHopRequest(bytes: Uint8Array): HopRequest | undefined {
  try {
    const fields = decodeFields(bytes);
    const type = fields.get(1);
    if (type === HOP.reserve) return { type: "reserve" };
    const peer = fields.get(2);
    if (type !== HOP.connect || !(peer instanceof Uint8Array)) return undefined;
    const id = decodeFields(peer).get(PEER_ID);
    if (!(id instanceof Uint8Array)) return undefined;
    return { type: "connect", peer: peerIdOfMultihash(id) };
  } catch {
    return undefined;
  }
}

export const encodeHopRequest = (request: { type: "reserve" }): Uint8Array =>
  encodeFields([[1, HOP[request.type]]]);

/** @param expiresS of a reservation, seconds since 1970; what members go by is how long they last */
export function encodeHopStatus(status: Status, expiresS?: number): Uint8Array {
  const reservation = expiresS === undefined ? [] : [[3, encodeFields([[1, expiresS]])] as const];
  return encodeFields([[1, HOP.status], ...reservation, [5, status]]);
}

/** What a relay answers. @returns undefined for anything else */
export const decodeHopStatus = (bytes: Uint8Array): number | undefined => statusIn(bytes, HOP.status, 5);

/** What a relay asks of the one that is to be reached: to take a circuit from `peer`. */
export function encodeStopConnect(peer: PeerId): Uint8Array {
  return encodeFields([
    [1, STOP.connect],
    [2, encodeFields([[PEER_ID, multihashOf(peer)]])],
  ]);
}

/** What that one answers. @returns undefined for anything else */
export const decodeStopStatus = (bytes: Uint8Array): number | undefined => statusIn(bytes, STOP.status, 4);

function statusIn(bytes: Uint8Array, type: number, field: number): number | undefined {
  try {
    const fields = decodeFields(bytes);
    const status = fields.get(field);
    return fields.get(1) === type && typeof status === "number" ? status : undefined;
  } catch {
    return undefined;
  }
}
