import type { ChannelSettings } from "../../lora/modulation.ts";

/**
 * A frame survives another one of the same modulation that is at least this much weaker (Bor et al., "Do LoRa low-power
 * wide-area networks scale?", MSWiM 2016; Semtech gives the same for the SX1272).
 */
export const CAPTURE_DB = 6;

/**
 * How much stronger other LoRa signals in the same band may be than the wanted one, by the wanted spreading factor: the
 * worst of each row of Croce, Gucciardo, Mangione, Santaromita, Tinnirello, "Impact of LoRa imperfect orthogonality",
 * IEEE Communications Letters 22(4), 2018, table II. 5 and 6 are not in that table and go on by its steps.
 */
const CROSS_REJECTION_DB: Readonly<Record<number, number>> = {
  5: 3,
  6: 5,
  7: 8,
  8: 11,
  9: 13,
  10: 17,
  11: 20,
  12: 23,
};

const crossRejectionDb = (spreadingFactor: number): number => CROSS_REJECTION_DB[spreadingFactor] ?? 0;

/** A receiver still finds a signal that is off by this part of the bandwidth (Semtech SX1302 datasheet, table 3-6). */
const LARGEST_OFFSET = 0.25;

/** Whether a receiver that is set to `a` demodulates what is sent with `b`: coding rate and preamble do not matter. */
export const sameSignal = (a: ChannelSettings, b: ChannelSettings): boolean =>
  a.modulation.spreadingFactor === b.modulation.spreadingFactor &&
  a.modulation.bandwidthHz === b.modulation.bandwidthHz &&
  Math.abs(a.frequencyHz - b.frequencyHz) <= LARGEST_OFFSET * a.modulation.bandwidthHz;

/** What part of the power of `other` falls into the band of `wanted`, 0 to 1. */
export function bandShare(wanted: ChannelSettings, other: ChannelSettings): number {
  const halfWanted = wanted.modulation.bandwidthHz / 2;
  const halfOther = other.modulation.bandwidthHz / 2;
  const low = Math.max(wanted.frequencyHz - halfWanted, other.frequencyHz - halfOther);
  const high = Math.min(wanted.frequencyHz + halfWanted, other.frequencyHz + halfOther);
  return Math.max(0, high - low) / other.modulation.bandwidthHz;
}

/**
 * How heavily the power of `other` weighs on the reception of `wanted`: it survives while all these powers, each times
 * its weight, are together no more than its own power.
 */
export function weightOf(wanted: ChannelSettings, other: ChannelSettings): number {
  if (sameSignal(wanted, other)) return 10 ** (CAPTURE_DB / 10);
  return bandShare(wanted, other) * 10 ** (-crossRejectionDb(wanted.modulation.spreadingFactor) / 10);
}
