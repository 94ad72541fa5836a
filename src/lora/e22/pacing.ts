import { timeOnAirMs } from "../airtime/time-on-air.ts";
import { FRAME_OVERHEAD } from "./frame.ts";
import { modulationOf, type Registers, serialBaud } from "./registers.ts";

/** The module's own header on the air is not published: address, network, length and flags fit in so many bytes. */
const MODULE_BYTES = 8;
/** What the module takes for the end of a packet is silence of three bytes; then it starts its transmitter. */
const START_MS = 20;
const SILENCE_BYTES = 3;
const BITS_PER_BYTE = 10;
/** Between address and data in fixed transmission: address high, address low, channel. */
export const FIXED_BYTES = 3;

/** Bytes that a payload grows by on the air. */
export const OVERHEAD_BYTES = FRAME_OVERHEAD + MODULE_BYTES;

/** The largest payload that the module sends as one packet. */
export const maxPayloadBytes = ({ subPacketBytes, isFixed }: Registers): number =>
  subPacketBytes - FRAME_OVERHEAD - (isFixed ? FIXED_BYTES : 0);

/**
 * How long it takes until a packet has left: over the serial line, then over the air. The pin that would tell is not
 * on a plain serial adapter.
 */
export function departureMs(registers: Registers, payloadBytes: number): number {
  const serialBytes = payloadBytes + FRAME_OVERHEAD + (registers.isFixed ? FIXED_BYTES : 0) + SILENCE_BYTES;
  const serialMs = (serialBytes * BITS_PER_BYTE * 1_000) / serialBaud(registers);
  return serialMs + START_MS + timeOnAirMs(modulationOf(registers.airRate), payloadBytes + OVERHEAD_BYTES);
}
