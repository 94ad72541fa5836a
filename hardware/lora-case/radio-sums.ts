import type { Band, Board } from "./shopping-data.ts";

const SPEED_OF_LIGHT_M_PER_S = 299_792_458;
/** How much shorter than in free space a wire in plastic resonates; cut longer and trim by the meter. */
const VELOCITY_FACTOR = 0.95;
/** A half-wave dipole over an isotropic antenna: between ERP and EIRP (ITU-R V.573). */
const DIPOLE_GAIN_DB = 2.15;

/** A quarter of the wave in the middle of a band, in mm. */
export function quarterWaveMm(band: Pick<Band, "fromMHz" | "toMHz">): number {
  const hertz = ((band.fromMHz + band.toMHz) / 2) * 1e6;
  return (SPEED_OF_LIGHT_M_PER_S / hertz / 4) * VELOCITY_FACTOR * 1_000;
}

/**
 * The most that a radio may be set to, in dBm at its connector, with an antenna of this gain. Loss in the cable may be
 * added to it.
 */
export function highestSettingDbm(limit: Band["limit"], antennaDbi: number): number {
  switch (limit.measure) {
    case "eirp":
      return limit.dbm - antennaDbi;
    case "erp":
      return limit.dbm + DIPOLE_GAIN_DB - antennaDbi;
    case "conducted":
      // 47 CFR 15.247(b)(4) and its like: a decibel less for each decibel of gain above the free ones.
      return limit.dbm - Math.max(0, antennaDbi - (limit.freeGainDbi ?? 0));
  }
}

/** What a battery gives before it is cut off, with age and cold. */
const USABLE_SHARE = 0.8;

/** Hours that a battery of this many mAh lasts, with the radio on the air for this share of the time. */
export function runTimeHours(
  power: NonNullable<Board["power"]>,
  milliampHours: number,
  onAir: number,
): number {
  const averageMa = power.listeningMa * (1 - onAir) + power.transmittingMa * onAir;
  return (milliampHours * USABLE_SHARE) / averageMa;
}
