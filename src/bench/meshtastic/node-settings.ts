import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { frequencyHzOf, modulationOf, powerDbmOf } from "../../lora/meshtastic/channel-settings.ts";
import {
  type LoraConfig,
  LoraConfigSchema,
  ModemPreset,
  Region,
} from "../../lora/meshtastic/proto/meshtastic_pb.ts";
import { REGION_BANDS } from "../../lora/meshtastic/regions.ts";
import type { ChannelSettings } from "../../lora/modulation.ts";
import type { Position } from "../../lora/radio.ts";

/** What a node keeps in its flash, and the sensors that it has. */
export interface NodeSettings {
  number: number;
  longName: string;
  shortName: string;
  lora: LoraConfig;
  /** Empty: the preset's name. */
  channelName: string;
  /** One byte: the default key, or one that follows from it. */
  channelPsk: Uint8Array;
  /** `client-mute` repeats nothing for others. */
  role: "client" | "client-mute";
  /** Settings come from afar only: what the host asks for is ignored. */
  isManaged: boolean;
  position: Position | undefined;
  /** 101: powered from outside. */
  batteryLevel: number;
  rebootCount: number;
}

export const DEFAULT_HOP_LIMIT = 3;

/** As the firmware comes, for Europe. */
export const loraConfig = (changes: MessageInitShape<typeof LoraConfigSchema> = {}): LoraConfig =>
  create(LoraConfigSchema, {
    usePreset: true,
    modemPreset: ModemPreset.LONG_FAST,
    region: Region.EU_868,
    hopLimit: DEFAULT_HOP_LIMIT,
    txEnabled: true,
    rxBoostedGain: true,
    ...changes,
  });

/** How the radio chip is set; undefined: not at all, for lack of a region. */
export function chipSettings({ lora, channelName }: NodeSettings): ChannelSettings | undefined {
  const frequencyHz = frequencyHzOf(lora, channelName);
  if (frequencyHz === undefined) return undefined;
  return { frequencyHz, modulation: modulationOf(lora), powerDbm: powerDbmOf(lora) };
}

/** What the firmware makes of settings that a host asks for: what a region does not have it puts right, and says nothing. */
export function corrected(wanted: LoraConfig): LoraConfig {
  const config = create(LoraConfigSchema, wanted);
  const { spreadingFactor, codingRate } = config;
  if (spreadingFactor < 5 || spreadingFactor > 12) config.spreadingFactor = 11;
  if (codingRate < 5 || codingRate > 8) config.codingRate = 5;
  const band = REGION_BANDS[config.region];
  if (!band) return config;
  if (modulationOf(config).bandwidthHz / 1e6 > band.toMHz - band.fromMHz + 1e-6) {
    config.usePreset = true;
    config.modemPreset = ModemPreset.LONG_FAST;
    config.bandwidth = 250;
  }
  config.txPower = powerDbmOf(config);
  return config;
}
