import type { Modulation } from "../../lora/modulation.ts";

/**
 * The weakest signal that can be demodulated, in dB over the noise, by spreading factor (Semtech SX1261/2 datasheet,
 * section 6.1.1.1; each step of the spreading factor gains 2.5 dB).
 */
const SNR_LIMIT_DB: Readonly<Record<number, number>> = {
  5: -2.5,
  6: -5,
  7: -7.5,
  8: -10,
  9: -12.5,
  10: -15,
  11: -17.5,
  12: -20,
};

/** Thermal noise at 290 K in a band of 1 Hz. */
const THERMAL_NOISE_DBM = -174;

/** @throws RangeError for a spreading factor that LoRa does not have */
export function snrLimitDb(spreadingFactor: number): number {
  const limit = SNR_LIMIT_DB[spreadingFactor];
  if (limit === undefined) throw new RangeError(`spreadingFactor: ${spreadingFactor} is not one of 5 to 12`);
  return limit;
}

export const noiseFloorDbm = (bandwidthHz: number, noiseFigureDb: number): number =>
  THERMAL_NOISE_DBM + 10 * Math.log10(bandwidthHz) + noiseFigureDb;

/**
 * With a noise figure of 6 dB this is the SX1261/2 datasheet's table for boosted gain (section 3.5.2) to 0.5 dB at 125
 * and 250 kHz, and up to 2 dB better than it at 500 kHz.
 */
export const sensitivityDbm = (
  { spreadingFactor, bandwidthHz }: Pick<Modulation, "spreadingFactor" | "bandwidthHz">,
  noiseFigureDb: number,
): number => noiseFloorDbm(bandwidthHz, noiseFigureDb) + snrLimitDb(spreadingFactor);
