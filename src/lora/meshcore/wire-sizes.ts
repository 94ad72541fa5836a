import { timeOnAirMs } from "../airtime/time-on-air.ts";
import type { Modulation } from "../modulation.ts";
import { ZERO_FREE_OVERHEAD } from "./zero-free.ts";

/** BaseChatMesh.h: ten blocks of the cipher. */
export const MAX_TEXT_BYTES = 160;

/**
 * What fits in a message to one node. A datagram to everyone holds 163, but the link layer wants one size for both.
 */
export const MAX_PAYLOAD_BYTES = MAX_TEXT_BYTES - ZERO_FREE_OVERHEAD;

const CIPHER_BLOCK = 16;
const blocks = (bytes: number): number => Math.ceil(bytes / CIPHER_BLOCK) * CIPHER_BLOCK;

/** Header, length of the path, two hashes, MAC; in the cipher: time, flags, text. */
const textPacketBytes = (payload: number): number => 6 + blocks(5 + ZERO_FREE_OVERHEAD + payload);

/** Two bytes in front of a datagram make it unlike any other: the mesh drops what it has seen before. */
export const NONCE_BYTES = 2;

/** Header, length of the path, hash of the channel, MAC; in the cipher: type, length, data. */
const dataPacketBytes = (payload: number): number => 5 + blocks(3 + NONCE_BYTES + payload);

/** The most that any payload grows by on its first hop, when no path is laid down (src/Mesh.cpp). */
export const MAX_OVERHEAD_BYTES = 6 + 5 + ZERO_FREE_OVERHEAD + CIPHER_BLOCK - 1;

/** The firmware's preamble, which the host does not choose (RadioLibWrappers.h; 16 for all before 1.16). */
export const preambleSymbols = (spreadingFactor: number): number => (spreadingFactor <= 8 ? 32 : 16);

/** How long this node's own transmission of a payload takes, in ms. */
export function payloadAirtimeMs(modulation: Modulation, payloadBytes: number, isToOne: boolean): number {
  return timeOnAirMs(modulation, isToOne ? textPacketBytes(payloadBytes) : dataPacketBytes(payloadBytes));
}
