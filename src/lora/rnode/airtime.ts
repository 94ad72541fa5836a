import { timeOnAirMs } from "../airtime/time-on-air.ts";
import type { Modulation } from "../modulation.ts";
import { SINGLE_FRAME_PAYLOAD } from "./commands.ts";

/** The firmware puts one byte before each frame: a sequence number and whether the packet has two. */
export const HEADER_BYTES = 1;

/** Time on the air of a packet of 1 to 508 bytes, in ms: one LoRa frame, or two from 255 bytes on. */
export function packetAirtimeMs(modulation: Modulation, bytes: number): number {
  const first = Math.min(bytes, SINGLE_FRAME_PAYLOAD);
  const rest = bytes - first;
  return (
    timeOnAirMs(modulation, first + HEADER_BYTES) +
    (rest > 0 ? timeOnAirMs(modulation, rest + HEADER_BYTES) : 0)
  );
}
