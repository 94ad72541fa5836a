import { gaussian, seededRandom, seedOf } from "../seeded-random.ts";

/** Metres from some origin. */
export interface AirPosition {
  readonly x: number;
  readonly y: number;
}

/**
 * How a signal weakens with distance: `referenceLossDb + 10 · exponent · log10(d / referenceM)`, and what stands in the
 * way of one pair of radios more or less than of another. Loss is never less than in free space.
 */
export interface PathLoss {
  exponent: number;
  referenceM: number;
  referenceLossDb: number;
  /** Standard deviation of the loss between pairs of radios; it is fixed for each pair and the same both ways. */
  shadowingDb: number;
}

/**
 * The suburban macro model of 3GPP TR 25.996, section 5.2, with both antennas at the same height; the model that
 * Meshtasticator takes by default, there with antennas at 1 m.
 */
export function suburban({ frequencyHz = 869_525_000, antennaHeightM = 1, shadowingDb = 0 } = {}): PathLoss {
  const slopeDb = 44.9 - 6.55 * Math.log10(antennaHeightM);
  const atOneKilometreDb =
    45.5 +
    (35.46 - 1.1 * antennaHeightM) * Math.log10(frequencyHz / 1e6) -
    13.82 * Math.log10(antennaHeightM) +
    0.7 * antennaHeightM;
  return { exponent: slopeDb / 10, referenceM: 1_000, referenceLossDb: atOneKilometreDb, shadowingDb };
}

/** Built-up, as measured for and used by LoRaSim (Bor, Roedig, Voigt, Alonso: "Do LoRa low-power wide-area networks scale?", MSWiM 2016, section 4.1). */
export const BUILT_UP: PathLoss = {
  exponent: 2.08,
  referenceM: 40,
  referenceLossDb: 127.41,
  shadowingDb: 3.57,
};

/** Nothing in the way, and nothing that reflects. */
export const FREE_SPACE: PathLoss = { exponent: 2, referenceM: 1, referenceLossDb: 0, shadowingDb: 0 };

/** Friis' formula between isotropic antennas, in dB. */
export const freeSpaceLossDb = (distanceM: number, frequencyHz: number): number =>
  20 * Math.log10((4 * Math.PI * distanceM * frequencyHz) / 299_792_458);

/** Radios closer than this are taken to be this far apart; the formulas know no near field. */
const NEAREST_M = 1;

export const distanceM = (a: AirPosition, b: AirPosition): number => Math.hypot(a.x - b.x, a.y - b.y);

/** @param shadowingDb of this pair, from {@link pairShadowingDb} */
export function pathLossDb(
  model: PathLoss,
  distance: number,
  frequencyHz: number,
  shadowingDb: number,
): number {
  const apartM = Math.max(distance, NEAREST_M);
  const modelDb = model.referenceLossDb + 10 * model.exponent * Math.log10(apartM / model.referenceM);
  return Math.max(modelDb + shadowingDb, freeSpaceLossDb(apartM, frequencyHz));
}

/** The same for a pair whichever of the two sends, and whatever other radios there are. */
export function pairShadowingDb(model: PathLoss, seed: number, oneName: string, otherName: string): number {
  if (model.shadowingDb === 0) return 0;
  const pair = oneName < otherName ? `${oneName}\n${otherName}` : `${otherName}\n${oneName}`;
  return model.shadowingDb * gaussian(seededRandom(seedOf(seed, pair)));
}
