import { type Identity, isSignedBy } from "./meshcore-identity.ts";

const KEY_BYTES = 32;
const SIGNATURE_BYTES = 64;
const HAS_POSITION = 0x10;
const HAS_NAME = 0x80;
const MAX_APP_BYTES = 32;
const CHAT = 1;

/** How a node tells others of itself. */
export interface Advert {
  publicKey: Uint8Array;
  timestamp: number;
  type: number;
  name: string;
  /** Millionths of degrees. */
  latitude: number;
  longitude: number;
}

const seconds = (value: number): Uint8Array => {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return bytes;
};

/** Key, time, signature, and what the node says of itself (src/Mesh.cpp, AdvertDataHelpers.cpp of MeshCore). */
export function encodeAdvert(
  identity: Identity,
  { timestamp, name, latitude, longitude }: Omit<Advert, "publicKey" | "type">,
): Uint8Array {
  const hasPosition = latitude !== 0 || longitude !== 0;
  const place = new Uint8Array(hasPosition ? 8 : 0);
  if (hasPosition) {
    const view = new DataView(place.buffer);
    view.setInt32(0, latitude, true);
    view.setInt32(4, longitude, true);
  }
  const nameBytes = new TextEncoder().encode(name).subarray(0, MAX_APP_BYTES - 1 - place.length);
  const flags = CHAT | (hasPosition ? HAS_POSITION : 0) | (nameBytes.length > 0 ? HAS_NAME : 0);
  const app = Buffer.concat([Uint8Array.of(flags), place, nameBytes]);
  const time = seconds(timestamp);
  const signature = identity.sign(Buffer.concat([identity.publicKey, time, app]));
  return new Uint8Array(Buffer.concat([identity.publicKey, time, signature, app]));
}

/** @returns undefined when it is forged, or names nobody */
export function decodeAdvert(payload: Uint8Array): Advert | undefined {
  const bodyAt = KEY_BYTES + 4 + SIGNATURE_BYTES;
  if (payload.length <= bodyAt) return undefined;
  const publicKey = payload.slice(0, KEY_BYTES);
  const app = payload.subarray(bodyAt, bodyAt + MAX_APP_BYTES);
  const signed = Buffer.concat([payload.subarray(0, KEY_BYTES + 4), app]);
  if (!isSignedBy(publicKey, payload.subarray(KEY_BYTES + 4, bodyAt), signed)) return undefined;
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  const flags = app[0] ?? 0;
  const hasPosition = (flags & HAS_POSITION) !== 0;
  const nameAt = hasPosition ? 9 : 1;
  if (app.length < nameAt || (flags & HAS_NAME) === 0) return undefined;
  return {
    publicKey,
    timestamp: view.getUint32(KEY_BYTES, true),
    type: flags & 0xf,
    name: new TextDecoder().decode(app.subarray(nameAt)),
    latitude: hasPosition ? view.getInt32(bodyAt + 1, true) : 0,
    longitude: hasPosition ? view.getInt32(bodyAt + 5, true) : 0,
  };
}
