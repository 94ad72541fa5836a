import type { Modulation } from "../modulation.ts";

export interface FrameOptions {
  /** The receiver knows length and coding rate already; default false. */
  implicitHeader?: boolean;
  /** A CRC of two bytes over the payload; default true. */
  crc?: boolean;
  /** Default: on when a symbol lasts longer than 16 ms, as the datasheet asks. */
  lowDataRateOptimize?: boolean;
}

/** A symbol's length in ms: 2^SF / BW. */
export function symbolMs({ spreadingFactor, bandwidthHz }: Modulation): number {
  return (2 ** spreadingFactor * 1000) / bandwidthHz;
}

/**
 * How long a frame is on the air, in ms (Semtech AN1200.13; SX1261/2 datasheet, section 6.1.4, also for SF5 and SF6,
 * whose frames have two more symbols of preamble and no room for a header beside the first payload bits).
 * @param phyPayloadBytes what the radio is given, all headers of the firmware included: 0 to 255
 */
export function timeOnAirMs(
  modulation: Modulation,
  phyPayloadBytes: number,
  { implicitHeader = false, crc = true, lowDataRateOptimize }: FrameOptions = {},
): number {
  const { spreadingFactor: sf, codingRate, preambleSymbols } = modulation;
  const perSymbolMs = symbolMs(modulation);
  const isShort = sf <= 6;
  const optimized = lowDataRateOptimize ?? perSymbolMs > 16;
  const bits = 8 * phyPayloadBytes + (crc ? 16 : 0) - 4 * sf + (implicitHeader ? 0 : 20) + (isShort ? 0 : 8);
  const bitsPerBlock = 4 * (optimized && !isShort ? sf - 2 : sf);
  const payloadSymbols = Math.ceil(Math.max(bits, 0) / bitsPerBlock) * codingRate;
  const syncSymbols = isShort ? 6.25 : 4.25;
  return (preambleSymbols + syncSymbols + 8 + payloadSymbols) * perSymbolMs;
}

/** Payload bits in a second, without preamble and header: SF · BW / 2^SF · 4 / CR. */
export function bitRate({ spreadingFactor, bandwidthHz, codingRate }: Modulation): number {
  return ((spreadingFactor * bandwidthHz) / 2 ** spreadingFactor) * (4 / codingRate);
}
