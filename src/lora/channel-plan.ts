import type { Config } from "../config/index.ts";
import type { RegionName } from "./airtime/index.ts";
import { type ChannelSettings, PRESETS } from "./modulation.ts";

/** The middle of a channel of 250 kHz (India and China: 125 kHz) that lies well within each region's usual band. */
const USUAL_KHZ: Readonly<Record<RegionName, number>> = {
  EU868: 869_525,
  EU433: 433_875,
  US915: 914_875,
  BR902: 905_000,
  AU915: 917_000,
  NZ865: 866_500,
  IN865: 866_000,
  JP920: 921_800,
  KR920: 922_700,
  CN470: 490_000,
  RU864: 868_950,
  UA433: 433_875,
  KZ433: 433_875,
  NZ915: 917_000,
  NP865: 866_500,
  MY919: 920_000,
  SG923: 921_500,
  TH920: 922_500,
  TW920: 922_500,
  PH915: 916_500,
};

export interface ChannelPlan {
  /** undefined: nothing may be sent. */
  region: RegionName | undefined;
  /** For cases that leave the channel to the host. */
  channel: ChannelSettings;
}

/** What an operator's settings mean for a radio. Where no region is named the channel is one to listen on. */
export function planChannel({ region, frequency_khz, preset, power_dbm }: Config["lora"]): ChannelPlan {
  const khz = frequency_khz === 0 ? USUAL_KHZ[region === "" ? "EU868" : region] : frequency_khz;
  return {
    region: region === "" ? undefined : region,
    channel: { frequencyHz: khz * 1000, modulation: PRESETS[preset], powerDbm: power_dbm },
  };
}
