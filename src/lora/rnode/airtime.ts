import { timeOnAirMs } from "../airtime/time-on-air.ts";
import type { Modulation } from "../modulation.ts";

/** The firmware puts one byte before each frame: a random number and whether another frame belongs to it. */
export const HEADER_BYTES = 1;

/** Time on the air of a packet of 1 to 254 bytes, in ms. */
export const packetAirtimeMs = (modulation: Modulation, bytes: number): number =>
  timeOnAirMs(modulation, bytes + HEADER_BYTES);
