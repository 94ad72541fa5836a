import type { ChannelSettings, Modulation } from "../modulation.ts";
import type { SelfInfo } from "./answers.ts";
import { preambleSymbols } from "./wire-sizes.ts";

export const modulationOf = ({ spreadingFactor, bandwidthHz, codingRate }: SelfInfo): Modulation => ({
  spreadingFactor,
  bandwidthHz,
  codingRate,
  preambleSymbols: preambleSymbols(spreadingFactor),
});

export const channelOf = (self: SelfInfo): ChannelSettings => ({
  frequencyHz: self.frequencyHz,
  modulation: modulationOf(self),
  powerDbm: self.powerDbm,
});

/**
 * Why the firmware would not take these settings, with the field named (CMD_SET_RADIO_PARAMS in MyMesh.cpp). Its
 * preamble is its own; what the settings say of it is not looked at.
 */
export function refusalOf(settings: ChannelSettings, maxPowerDbm: number): string | undefined {
  const { frequencyHz, modulation, powerDbm } = settings;
  const { bandwidthHz, spreadingFactor, codingRate } = modulation;
  if (!Number.isInteger(frequencyHz / 1_000)) return `frequencyHz: ${frequencyHz} is not of whole kHz`;
  return (
    outside("frequencyHz", frequencyHz, 150_000_000, 2_500_000_000) ??
    outside("bandwidthHz", bandwidthHz, 7_000, 500_000) ??
    outside("spreadingFactor", spreadingFactor, 5, 12) ??
    outside("codingRate", codingRate, 5, 8) ??
    outside("powerDbm", powerDbm, -9, maxPowerDbm)
  );
}

const outside = (field: string, value: number, from: number, to: number): string | undefined =>
  Number.isInteger(value) && value >= from && value <= to
    ? undefined
    : `${field}: ${value} is not one of ${from} to ${to}`;
