import type { ChannelSettings } from "../modulation.ts";

/** At most so much on the air in any window of this length, in ms. */
export interface AirtimeLimit {
  windowMs: number;
  airtimeMs: number;
}

/** What a transmitter may do in one sub-band. Each is a setting with its source, and no legal advice. */
export interface SubBand {
  name: string;
  fromHz: number;
  toHz: number;
  /** Radiated, or at the connector where the rule says so; an antenna's gain is the operator's to subtract. */
  maxDbm: number;
  limits: readonly AirtimeLimit[];
  /** The longest single transmission, in ms. */
  longestMs?: number;
  /** Silence between two transmissions, in ms. */
  pauseMs?: number;
  /** Nobody may begin who has not listened whether the channel is free: a radio that cannot may not send here. */
  listensFirst?: true;
  /** The rule allows no wider signal, in Hz. */
  maxBandwidthHz?: number;
  /** From these bandwidths on, other limits hold than `limits`; the narrowest first. */
  wider?: readonly { fromHz: number; limits: readonly AirtimeLimit[] }[];
  source: string;
}

const HOUR_MS = 3_600_000;
const share = (part: number): AirtimeLimit[] => [{ windowMs: HOUR_MS, airtimeMs: HOUR_MS * part }];

const CEPT = "ERC Recommendation 70-03, annex 1; ETSI EN 300 220-2";
const FCC =
  "47 CFR 15.247 (a)(1)(i): of a hopping system's channel 400 ms in 20 s, from 250 kHz on in 10 s; (a)(2): 500 kHz wide, no dwell limit";

/** A station that stays on one channel is held to the dwell time of one that hops over it. */
const fccBand = (name: string, fromMHz: number, toMHz: number, source: string): SubBand => ({
  name,
  fromHz: fromMHz * 1e6,
  toHz: toMHz * 1e6,
  maxDbm: 30,
  limits: [{ windowMs: 20_000, airtimeMs: 400 }],
  wider: [
    { fromHz: 250_000, limits: [{ windowMs: 10_000, airtimeMs: 400 }] },
    { fromHz: 500_000, limits: [] },
  ],
  source,
});

/** A band that is limited by power alone, or by a share of each hour. */
const openBand = (
  fromMHz: number,
  toMHz: number,
  maxDbm: number,
  source: string,
  limits: readonly AirtimeLimit[] = [],
): SubBand => ({
  name: `${fromMHz}–${toMHz} MHz`,
  fromHz: fromMHz * 1e6,
  toHz: toMHz * 1e6,
  maxDbm,
  limits,
  source,
});

const ceptBand = (fromMHz: number, toMHz: number, part: number, maxDbm: number): SubBand => ({
  name: `${fromMHz}–${toMHz} MHz`,
  fromHz: fromMHz * 1e6,
  toHz: toMHz * 1e6,
  maxDbm,
  limits: share(part),
  source: CEPT,
});

/**
 * The sub-bands of each region, by the names that LoRa firmware uses. Where two overlap, the one that allows more holds.
 * A region that is not here has rules that a schedule cannot keep, or none that were found.
 */
export const REGIONS = {
  EU868: [
    ceptBand(863, 865, 0.001, 14),
    ceptBand(865, 868, 0.01, 14),
    ceptBand(868, 868.6, 0.01, 14),
    ceptBand(868.7, 869.2, 0.001, 14),
    ceptBand(869.4, 869.65, 0.1, 27),
    ceptBand(869.7, 870, 0.01, 14),
  ],
  EU433: [ceptBand(433.05, 434.79, 0.1, 10)],
  UA433: [openBand(433.05, 434.7, 10, "Cabinet of Ukraine, 262-2026", share(0.1))],
  KZ433: [openBand(433.075, 434.775, 10, "Ministry of Digital Development of Kazakhstan: low-power devices")],
  US915: [fccBand("902–928 MHz", 902, 928, FCC)],
  BR902: [
    fccBand("902–907.5 MHz", 902, 907.5, "Anatel, Ato 14448 of 2017, section 10"),
    fccBand("915–928 MHz", 915, 928, "Anatel, Ato 14448 of 2017, section 10"),
  ],
  AU915: [
    {
      name: "915–928 MHz",
      fromHz: 915e6,
      toHz: 928e6,
      maxDbm: 30,
      limits: [],
      source: "ACMA, Radiocommunications (Low Interference Potential Devices) Class Licence 2015",
    },
  ],
  NZ915: [openBand(915, 928, 30, "RSM, General User Radio Licence for Short Range Devices")],
  NZ865: [
    {
      name: "864–868 MHz",
      fromHz: 864e6,
      toHz: 868e6,
      maxDbm: 36,
      limits: [],
      source: "RSM, General User Radio Licence for Short Range Devices",
    },
  ],
  IN865: [
    {
      name: "865–867 MHz",
      fromHz: 865e6,
      toHz: 867e6,
      maxDbm: 30,
      limits: [],
      maxBandwidthHz: 200_000,
      source: "G.S.R. 564(E), 2005: 1 W, 200 kHz of carrier bandwidth",
    },
  ],
  NP865: [openBand(865, 868, 30, "NTA, Radio Frequency Policy 2080: for IoT and telemetry")],
  SG923: [openBand(920, 923, 20, "IMDA TS SRD")],
  MY919: [
    openBand(919, 923, 27, "MCMC, short range devices"),
    openBand(923, 924, 27, "MCMC, short range devices: 1 % or hopping", share(0.01)),
  ],
  TH920: [openBand(920, 925, 27, "NBTC standard 1033-2565", share(0.1))],
  TW920: [openBand(920, 925, 27, "NCC, low-power devices, 5.8.1: indoors and on the coast")],
  PH915: [openBand(915, 918, 24, "NTC, national allocation table 2020")],
  JP920: [
    {
      name: "920.5–923.5 MHz",
      fromHz: 920.5e6,
      toHz: 923.5e6,
      maxDbm: 13,
      limits: [],
      longestMs: 4_000,
      pauseMs: 50,
      listensFirst: true,
      source: "ARIB STD-T108: listen for 5 ms, at most 4 s, then 50 ms of silence",
    },
  ],
  KR920: [
    {
      name: "922–923.4 MHz",
      fromHz: 922e6,
      toHz: 923.4e6,
      maxDbm: 14,
      limits: [],
      longestMs: 4_000,
      pauseMs: 50,
      listensFirst: true,
      source: "LoRaWAN regional parameters RP002, KR920: listening first",
    },
  ],
  CN470: [
    {
      name: "470–510 MHz",
      fromHz: 470e6,
      toHz: 510e6,
      maxDbm: 17,
      limits: [],
      longestMs: 1_000,
      maxBandwidthHz: 200_000,
      source: "MIIT notice 52 of 2019",
    },
  ],
  RU864: [
    {
      name: "868.7–869.2 MHz",
      fromHz: 868.7e6,
      toHz: 869.2e6,
      maxDbm: 20,
      limits: share(0.1),
      source: "GKRCh decision 18-46-03-1, annex 12",
    },
  ],
} as const satisfies Record<string, readonly SubBand[]>;

export type RegionName = keyof typeof REGIONS;

/** A channel that the region does not allow, with the field that is wrong. */
export class ChannelError extends Error {
  override readonly name = "ChannelError";
  constructor(
    readonly field: "frequencyHz" | "bandwidthHz" | "powerDbm",
    detail: string,
  ) {
    super(`${field}: ${detail}`);
  }
}

/** How much of the hour a sub-band leaves, for choosing between two that overlap. */
const generosity = ({ limits }: SubBand): number =>
  Math.min(1, ...limits.map(({ airtimeMs, windowMs }) => airtimeMs / windowMs));

/**
 * The sub-band that the whole of a channel lies in, with the limits that hold for its bandwidth. A setting, and no legal
 * advice: whoever runs a radio answers for it.
 * @throws {ChannelError} when the region does not allow the channel
 */
export function subBandOf(
  region: RegionName,
  { frequencyHz, modulation, powerDbm }: ChannelSettings,
): SubBand {
  const bands: readonly SubBand[] = REGIONS[region];
  const { bandwidthHz } = modulation;
  const around = bands.filter(
    ({ fromHz, toHz }) => frequencyHz - bandwidthHz / 2 >= fromHz && frequencyHz + bandwidthHz / 2 <= toHz,
  );
  if (around.length === 0) {
    const allowed = bands.map(({ name }) => name).join(", ");
    throw new ChannelError(
      "frequencyHz",
      `${frequencyHz / 1e6} MHz, ${bandwidthHz / 1e3} kHz wide, does not lie whole in a band of ${region} (${allowed})`,
    );
  }
  const band = around.reduce((best, other) => (generosity(other) > generosity(best) ? other : best));
  if (band.maxBandwidthHz !== undefined && bandwidthHz > band.maxBandwidthHz) {
    throw new ChannelError(
      "bandwidthHz",
      `${bandwidthHz / 1e3} kHz is more than the ${band.maxBandwidthHz / 1e3} kHz that ${region} allows`,
    );
  }
  if (powerDbm > band.maxDbm) {
    throw new ChannelError(
      "powerDbm",
      `${powerDbm} dBm is more than the ${band.maxDbm} dBm of ${band.name} in ${region}`,
    );
  }
  const wider = band.wider?.findLast(({ fromHz }) => bandwidthHz >= fromHz);
  return wider ? { ...band, limits: wider.limits } : band;
}
