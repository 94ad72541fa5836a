import { createHash } from "node:crypto";

/** Types of packets on the air (src/Packet.h of MeshCore). */
export const TYPE = {
  request: 0,
  response: 1,
  text: 2,
  ack: 3,
  advert: 4,
  groupText: 5,
  groupData: 6,
  path: 8,
  raw: 15,
} as const;

export type Route = "flood" | "direct";

/** A packet as it goes over the air: what kind, by which way, and its content. */
export interface Packet {
  type: number;
  route: Route;
  /** One byte a hop: where it has been (flood), or where it is to go (direct). */
  path: Uint8Array;
  payload: Uint8Array;
}

export const MAX_PAYLOAD_BYTES = 184;
const MAX_PATH_BYTES = 64;
const ROUTES = { flood: 1, direct: 2 } as const;

/** This emulation speaks of hops by one byte each, as the firmware does unless told otherwise. */
export function encodePacket({ type, route, path, payload }: Packet): Uint8Array {
  const bytes = new Uint8Array(2 + path.length + payload.length);
  bytes[0] = ROUTES[route] | (type << 2);
  bytes[1] = path.length;
  bytes.set(path, 2);
  bytes.set(payload, 2 + path.length);
  return bytes;
}

/** @returns undefined for what the firmware throws away */
export function decodePacket(bytes: Uint8Array): Packet | undefined {
  const [header, pathBytes] = bytes;
  if (header === undefined || pathBytes === undefined || header >> 6 !== 0) return undefined;
  const route = header & 3;
  if (route !== ROUTES.flood && route !== ROUTES.direct) return undefined;
  const end = 2 + pathBytes;
  if (pathBytes > MAX_PATH_BYTES || end > bytes.length) return undefined;
  const payload = bytes.slice(end);
  if (payload.length > MAX_PAYLOAD_BYTES) return undefined;
  return {
    type: (header >> 2) & 0xf,
    route: route === ROUTES.flood ? "flood" : "direct",
    path: bytes.slice(2, end),
    payload,
  };
}

/** By type and content: the same packet by another way is the same. */
export function packetHash({ type, payload }: Packet): string {
  return createHash("sha256").update(Uint8Array.of(type)).update(payload).digest("hex").slice(0, 16);
}
