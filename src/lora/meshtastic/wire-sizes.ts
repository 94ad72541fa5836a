import { timeOnAirMs } from "../airtime/time-on-air.ts";
import { type Modulation, PRESETS } from "../modulation.ts";

/** LoRa's largest frame. */
const MAX_AIR_BYTES = 255;
/** Of every packet on the air: to, from, id, flags, channel, next hop, relay (RadioInterface.h, PacketHeader). */
export const AIR_HEADER_BYTES = 16;
/** In the protobuf around a payload on the private port: the port, the payload's tag and length, the flags. */
const DATA_BYTES = 3 + 3 + 2;
/** A payload that is encrypted for one node's key carries a check and a nonce (MESHTASTIC_PKC_OVERHEAD). */
export const KEY_BYTES = 12;
/** From 2.8 on the firmware signs what goes to everyone, where the signature still fits: tag, length, 64 bytes. */
const SIGNATURE_BYTES = 66;

/** What the firmware adds to a payload at most, where it does not sign. */
export const OVERHEAD_BYTES = AIR_HEADER_BYTES + DATA_BYTES;
/**
 * To everyone. The documented 233 bytes are what the firmware's buffer holds; with the port and the flags that it sends,
 * no more than this fits on the air.
 */
export const MAX_PAYLOAD_BYTES = MAX_AIR_BYTES - OVERHEAD_BYTES;

/** @param version as the firmware writes it, such as `2.7.15.567b8ea` */
export function signsBroadcasts(version: string | undefined): boolean {
  const [major = 0, minor = 0] = (version ?? "").split(".").map(Number);
  return major > 2 || (major === 2 && minor >= 8);
}

/** What a firmware of this version adds to a payload for everyone, at most. */
export const overheadBytesOf = (version: string | undefined): number =>
  OVERHEAD_BYTES + (signsBroadcasts(version) ? SIGNATURE_BYTES : 0);

/** A packet's time on the air, at most. @param overheadBytes from {@link overheadBytesOf}, or for one node */
export const packetAirtimeMs = (
  modulation: Modulation | undefined,
  payloadBytes: number,
  overheadBytes: number,
): number =>
  // What is not known yet is taken for the slowest that is common.
  timeOnAirMs(modulation ?? PRESETS.LongFast, Math.min(MAX_AIR_BYTES, payloadBytes + overheadBytes));
