import { crc32 } from "node:zlib";
import { bytesToIp, canonicalIp, ipToBytes } from "../../host/ip-address.ts";
import type { Endpoint } from "../paths/endpoint.ts";

/** A message of STUN (RFC 8489), as far as a Binding needs it. */
export interface StunMessage {
  class: "request" | "indication" | "success" | "error";
  /** 1: Binding. */
  method: number;
  /** 12 bytes. */
  transactionId: Uint8Array;
  attributes: readonly StunAttribute[];
}

export interface StunAttribute {
  type: number;
  value: Uint8Array;
}

export const BINDING = 1;
export const TRANSACTION_ID_BYTES = 12;
const MAGIC_COOKIE = 0x2112_a442;
const HEADER_BYTES = 20;
/** Longer ones are not read: a Binding fits easily, and nothing else is spoken here. */
export const MAX_STUN_BYTES = 548;

export const ATTRIBUTE = {
  USERNAME: 0x0006,
  MESSAGE_INTEGRITY: 0x0008,
  ERROR_CODE: 0x0009,
  UNKNOWN_ATTRIBUTES: 0x000a,
  MESSAGE_INTEGRITY_SHA256: 0x001c,
  XOR_MAPPED_ADDRESS: 0x0020,
  SOFTWARE: 0x8022,
  FINGERPRINT: 0x8028,
} as const;

const FINGERPRINT_XOR = 0x5354_554e;
const CLASSES = ["request", "indication", "success", "error"] as const;

/**
 * Whether a datagram is STUN's, on a port that it shares: two zero bits, the cookie and its own length (RFC 8489, 6.3).
 * Any other datagram passes for one by chance in 2^50 at most.
 */
export function isStun(datagram: Uint8Array): boolean {
  if (datagram.length < HEADER_BYTES) return false;
  const view = new DataView(datagram.buffer, datagram.byteOffset, datagram.length);
  return (
    view.getUint8(0) < 0x40 &&
    view.getUint32(4) === MAGIC_COOKIE &&
    view.getUint16(2) === datagram.length - HEADER_BYTES &&
    datagram.length % 4 === 0
  );
}

/** Undefined for what is no STUN, is too long, has attributes that do not fit, or a fingerprint that is wrong. */
export function decodeStun(datagram: Uint8Array): StunMessage | undefined {
  if (!isStun(datagram) || datagram.length > MAX_STUN_BYTES) return undefined;
  const view = new DataView(datagram.buffer, datagram.byteOffset, datagram.length);
  const type = view.getUint16(0);
  const attributes: StunAttribute[] = [];
  for (let offset = HEADER_BYTES; offset < datagram.length; ) {
    const [attribute, length] = [view.getUint16(offset), view.getUint16(offset + 2)];
    const start = offset + 4;
    if (start + length > datagram.length) return undefined;
    if (attribute === ATTRIBUTE.FINGERPRINT) {
      // RFC 8489, 14.7: the last of all.
      const isRight = length === 4 && view.getUint32(start) === fingerprint(datagram.subarray(0, offset));
      if (!isRight || start + 4 !== datagram.length) return undefined;
    }
    attributes.push({ type: attribute, value: datagram.slice(start, start + length) });
    offset = start + padded(length);
  }
  return {
    class: CLASSES[((type >> 7) & 2) | ((type >> 4) & 1)] ?? "request",
    method: (type & 0x000f) | ((type >> 1) & 0x0070) | ((type >> 2) & 0x0f80),
    transactionId: datagram.slice(8, HEADER_BYTES),
    attributes,
  };
}

/** @param withFingerprint adds FINGERPRINT at the end */
export function encodeStun(message: StunMessage, withFingerprint: boolean): Uint8Array {
  const body = message.attributes.reduce((sum, { value }) => sum + 4 + padded(value.length), 0);
  const bytes = new Uint8Array(HEADER_BYTES + body + (withFingerprint ? 8 : 0));
  const view = new DataView(bytes.buffer);
  const classBits = CLASSES.indexOf(message.class);
  const { method } = message;
  view.setUint16(
    0,
    (method & 0x000f) |
      ((method & 0x0070) << 1) |
      ((method & 0x0f80) << 2) |
      ((classBits & 1) << 4) |
      ((classBits & 2) << 7),
  );
  view.setUint16(2, bytes.length - HEADER_BYTES);
  view.setUint32(4, MAGIC_COOKIE);
  bytes.set(message.transactionId.subarray(0, TRANSACTION_ID_BYTES), 8);
  let offset = HEADER_BYTES;
  for (const { type, value } of message.attributes) {
    view.setUint16(offset, type);
    view.setUint16(offset + 2, value.length);
    bytes.set(value, offset + 4);
    offset += 4 + padded(value.length);
  }
  if (withFingerprint) {
    view.setUint16(offset, ATTRIBUTE.FINGERPRINT);
    view.setUint16(offset + 2, 4);
    view.setUint32(offset + 4, fingerprint(bytes.subarray(0, offset)));
  }
  return bytes;
}

const padded = (length: number): number => (length + 3) & ~3;

/** RFC 8489, 14.7: over everything before it, the header's length already counting it. */
const fingerprint = (before: Uint8Array): number => (crc32(before) ^ FINGERPRINT_XOR) >>> 0;

export const hasAttribute = (message: StunMessage, type: number): boolean =>
  message.attributes.some((attribute) => attribute.type === type);

/** Types that must be understood (RFC 8489, 14: below 0x8000) and are not; each once. */
export function unknownRequired(message: StunMessage): number[] {
  // Credentials that nobody asked for are no reason to refuse (9.1.3 and 9.2.4 concern servers that have some).
  const known: readonly number[] = [
    ATTRIBUTE.USERNAME,
    ATTRIBUTE.MESSAGE_INTEGRITY,
    ATTRIBUTE.MESSAGE_INTEGRITY_SHA256,
  ];
  const required = message.attributes.map(({ type }) => type).filter((type) => type < 0x8000);
  return [...new Set(required)].filter((type) => !known.includes(type));
}

/** XOR-MAPPED-ADDRESS (RFC 8489, 14.2). @throws {RangeError} for what is no address */
export function xorMappedAddress({ address, port }: Endpoint, transactionId: Uint8Array): StunAttribute {
  const plain = ipToBytes(canonicalIp(address) ?? "");
  if (plain === undefined) throw new RangeError(`${address} is no address`);
  const value = new Uint8Array(4 + plain.length);
  const view = new DataView(value.buffer);
  view.setUint8(1, plain.length === 4 ? 1 : 2);
  view.setUint16(2, port ^ (MAGIC_COOKIE >>> 16));
  value.set(xored(plain, transactionId), 4);
  return { type: ATTRIBUTE.XOR_MAPPED_ADDRESS, value };
}

/** Where the other end saw the request come from; undefined when it does not say. */
export function mappedAddressOf(message: StunMessage): Endpoint | undefined {
  const value = message.attributes.find(({ type }) => type === ATTRIBUTE.XOR_MAPPED_ADDRESS)?.value;
  if (value === undefined || value.length !== (value[1] === 1 ? 8 : value[1] === 2 ? 20 : -1))
    return undefined;
  const port = (((value[2] ?? 0) << 8) | (value[3] ?? 0)) ^ (MAGIC_COOKIE >>> 16);
  const address = canonicalIp(bytesToIp(xored(value.subarray(4), message.transactionId)));
  return address === undefined ? undefined : { address, port };
}

function xored(address: Uint8Array, transactionId: Uint8Array): Uint8Array {
  const mask = Uint8Array.from([0x21, 0x12, 0xa4, 0x42, ...transactionId]);
  return address.map((byte, index) => byte ^ (mask[index] ?? 0));
}
