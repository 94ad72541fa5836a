import { fittingPreset } from "../fitting-preset.ts";
import type { ChannelSettings, Modulation } from "../modulation.ts";

/** What the module is set to. */
export interface ModuleSettings {
  version: string;
  address: number;
  networkId: number;
  channel: ChannelSettings;
}

interface Bandwidth {
  /** In `AT+PARAMETER`. */
  code: number;
  hz: number;
  maxSpreadingFactor: number;
}

const BANDWIDTHS: readonly Bandwidth[] = [
  { code: 7, hz: 125_000, maxSpreadingFactor: 9 },
  { code: 8, hz: 250_000, maxSpreadingFactor: 10 },
  { code: 9, hz: 500_000, maxSpreadingFactor: 11 },
];

/** Only on this network may the preamble be another than 12. */
const FREE_NETWORK = 18;
const DEFAULT_PREAMBLE = 12;
const MIN_PREAMBLE = 4;
const MAX_PREAMBLE = 24;
const MAX_POWER_DBM = 22;

const BANDS: Readonly<Record<string, readonly [number, number]>> = {
  RYLR998: [820_000_000, 960_000_000],
  RYLR498: [410_000_000, 525_000_000],
};

/** Such as RYLR998 in `RYLR998_V1.2.2`. */
export const modelOf = (version: string): string => /^RYLR[49]98/.exec(version)?.[0] ?? "RYLR998";

/** @returns undefined when it is none: `9,7,1,12` */
export function modulationOf(parameter: string): ChannelSettings["modulation"] | undefined {
  const match = /^(\d{1,2}),(\d),(\d),(\d{1,2})$/.exec(parameter);
  const [, factor, code, rate, preamble] = (match ?? []).map(Number);
  const bandwidth = BANDWIDTHS.find((one) => one.code === code);
  if (!bandwidth || factor === undefined || rate === undefined || preamble === undefined) return undefined;
  return {
    spreadingFactor: factor,
    bandwidthHz: bandwidth.hz,
    codingRate: rate + 4,
    preambleSymbols: preamble,
  };
}

/**
 * The commands that set a channel. The preamble is 12 where the module allows no other.
 * @returns a text that names the field which the module does not have
 */
export function channelCommands(
  { frequencyHz, modulation, powerDbm }: ChannelSettings,
  { version, networkId }: Pick<ModuleSettings, "version" | "networkId">,
): readonly string[] | string {
  const [from, to] = BANDS[modelOf(version)] ?? [0, 0];
  if (!Number.isInteger(frequencyHz) || frequencyHz < from || frequencyHz > to)
    return `frequencyHz: ${frequencyHz} is not one of ${from} to ${to}: set lora.frequency_khz to one of ${from / 1_000} to ${to / 1_000}, or use the model for this band`;
  const bandwidth = bandwidthOf(modulation);
  if (typeof bandwidth === "string") {
    const isFitting = (other: Modulation) => typeof bandwidthOf(other) !== "string";
    return `${bandwidth}${fittingPreset(isFitting)}`;
  }
  if (!isFrom(powerDbm, 0, MAX_POWER_DBM))
    return `powerDbm: ${powerDbm} is not one of 0 to ${MAX_POWER_DBM}: set lora.power_dbm = ${powerDbm < 0 ? 0 : MAX_POWER_DBM}`;
  const { spreadingFactor, codingRate, preambleSymbols } = modulation;
  const isFree = networkId === FREE_NETWORK && isFrom(preambleSymbols, MIN_PREAMBLE, MAX_PREAMBLE);
  const preamble = isFree ? preambleSymbols : DEFAULT_PREAMBLE;
  return [
    `AT+BAND=${frequencyHz}`,
    `AT+PARAMETER=${spreadingFactor},${bandwidth.code},${codingRate - 4},${preamble}`,
    `AT+CRFOP=${powerDbm}`,
  ];
}

/** @returns a text that names the field which the module does not have */
function bandwidthOf({ spreadingFactor, bandwidthHz, codingRate }: Modulation): Bandwidth | string {
  const bandwidth = BANDWIDTHS.find(({ hz }) => hz === bandwidthHz);
  if (!bandwidth) return `bandwidthHz: ${bandwidthHz} is not 125000, 250000 or 500000`;
  const { maxSpreadingFactor } = bandwidth;
  if (!isFrom(spreadingFactor, 5, maxSpreadingFactor))
    return `spreadingFactor: ${spreadingFactor} is not one of 5 to ${maxSpreadingFactor} at ${bandwidthHz} Hz`;
  return isFrom(codingRate, 5, 8) ? bandwidth : `codingRate: ${codingRate} is not one of 5 to 8`;
}

const isFrom = (value: number, from: number, to: number): boolean =>
  Number.isInteger(value) && value >= from && value <= to;
