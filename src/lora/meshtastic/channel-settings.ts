import { clone } from "@bufbuild/protobuf";
import type { ChannelSettings, Modulation } from "../modulation.ts";
import { RadioError } from "../radio.ts";
import {
  bandwidthCodeOf,
  bandwidthKHzOf,
  MODEM_PRESETS,
  PREAMBLE_SYMBOLS,
  type Preset,
  presetOf,
} from "./presets.ts";
import { type LoraConfig, LoraConfigSchema, ModemPreset, Region } from "./proto/meshtastic_pb.ts";
import { REGION_BANDS, type RegionBand } from "./regions.ts";

/** The name that stands for a channel without one when no preset is used. */
const CUSTOM_NAME = "Custom";
/** The firmware keeps a frequency as a 32-bit float in MHz, which tells no less than 60 Hz apart at 900 MHz. */
const SAME_HZ = 100;
/** What the firmware falls back to (MeshRadio.h). */
const FALLBACK = { spreadingFactor: 11, codingRate: 5, bandwidthKHz: 250 } as const;
/** The firmware sends with this where it has no limit of a region to go by. */
const DEFAULT_DBM = 17;

const LONG_FAST: Preset = { name: "LongFast", ...FALLBACK };

const presetIn = ({ modemPreset }: LoraConfig): Preset => MODEM_PRESETS[modemPreset] ?? LONG_FAST;

/** What the firmware makes of a configuration (RadioInterface.cpp, applyModemConfig). */
export function modulationOf(config: LoraConfig): Modulation {
  const { codingRate: custom } = config;
  const isCodingRate = custom >= 5 && custom <= 8;
  if (config.usePreset) {
    const { bandwidthKHz, spreadingFactor, codingRate } = presetIn(config);
    return {
      spreadingFactor,
      bandwidthHz: bandwidthKHz * 1_000,
      // A more robust one of the operator's own holds beside a preset.
      codingRate: isCodingRate ? Math.max(custom, codingRate) : codingRate,
      preambleSymbols: PREAMBLE_SYMBOLS,
    };
  }
  const { spreadingFactor, bandwidth } = config;
  const isFactor = spreadingFactor >= 5 && spreadingFactor <= 12;
  return {
    spreadingFactor: isFactor ? spreadingFactor : FALLBACK.spreadingFactor,
    bandwidthHz: (bandwidth === 0 ? FALLBACK.bandwidthKHz : bandwidthKHzOf(bandwidth)) * 1_000,
    codingRate: isCodingRate ? custom : FALLBACK.codingRate,
    preambleSymbols: PREAMBLE_SYMBOLS,
  };
}

/** The primary channel's name as others see it. @param name as it is set, which may be empty */
export function channelNameOf(config: LoraConfig, name: string): string {
  if (name !== "") return name;
  return config.usePreset ? presetIn(config).name : CUSTOM_NAME;
}

/** djb2 (Bernstein) over UTF-8, in 32 bits. */
function hashOf(text: string): number {
  let hash = 5381;
  for (const byte of new TextEncoder().encode(text)) hash = (Math.imul(hash, 33) + byte) >>> 0;
  return hash;
}

/** The middle of the configured slot, or of the one that the channel's name leads to, in Hz. */
function slotHz(config: LoraConfig, name: string, band: RegionBand): number {
  const widthMHz = modulationOf(config).bandwidthHz / 1e6;
  const slots = Math.max(1, Math.round((band.toMHz - band.fromMHz) / widthMHz));
  const slot = config.slot === 0 ? hashOf(channelNameOf(config, name)) % slots : config.slot - 1;
  return Math.round((band.fromMHz + widthMHz / 2 + slot * widthMHz) * 1e6);
}

/** @returns undefined where no region is set, or one that is not known here */
export function frequencyHzOf(config: LoraConfig, name: string): number | undefined {
  const offsetHz = Math.round(config.frequencyOffset * 1e6);
  if (config.overrideFrequency !== 0)
    return Math.round((config.overrideFrequency * 1e6) / SAME_HZ) * SAME_HZ + offsetHz;
  const band = REGION_BANDS[config.region];
  return band && slotHz(config, name, band) + offsetHz;
}

/** What the firmware sends with; a board may be able to do less. */
export function powerDbmOf(config: LoraConfig): number {
  const limit = REGION_BANDS[config.region]?.maxDbm ?? DEFAULT_DBM;
  return config.txPower === 0 ? limit : Math.min(config.txPower, limit);
}

const refused = (detail: string): RadioError => new RadioError("refused", detail);

/**
 * The configuration that sets a channel, with all else as it was.
 * @param region where the radio has none yet
 * @throws {RadioError} `refused`, with the field named
 */
export function configFor(
  settings: ChannelSettings,
  before: LoraConfig,
  name: string,
  region: Region,
): LoraConfig {
  const config = clone(LoraConfigSchema, before);
  if (config.region === Region.UNSET) {
    config.region = region;
    config.txEnabled = true;
  }
  const band = REGION_BANDS[config.region];
  if (!band) throw refused("region: the radio has none set, and sends nothing without");
  setModulation(config, settings.modulation);
  checkFrequency(settings, band);
  setPower(config, settings.powerDbm, band);
  config.frequencyOffset = 0;
  config.overrideFrequency = 0;
  config.slot = 0;
  if (Math.abs(slotHz(config, name, band) - settings.frequencyHz) > SAME_HZ) {
    config.overrideFrequency = Math.fround(settings.frequencyHz / 1e6);
  }
  return config;
}

function setModulation(config: LoraConfig, modulation: Modulation): void {
  const { spreadingFactor, bandwidthHz, codingRate } = modulation;
  const bandwidth = bandwidthCodeOf(bandwidthHz / 1_000);
  if (bandwidth === undefined) throw refused(`bandwidthHz: ${bandwidthHz} is none that the radio has`);
  if (!Number.isInteger(spreadingFactor) || spreadingFactor < 5 || spreadingFactor > 12)
    throw refused(`spreadingFactor: ${spreadingFactor} is not 5 to 12`);
  if (![5, 6, 7, 8].includes(codingRate)) throw refused(`codingRate: ${codingRate} is not 5 to 8`);
  const preset = presetOf(modulation);
  config.usePreset = preset !== undefined;
  config.modemPreset = preset ?? ModemPreset.LONG_FAST;
  config.bandwidth = bandwidth;
  config.spreadingFactor = spreadingFactor;
  config.codingRate = codingRate;
}

function checkFrequency({ frequencyHz, modulation }: ChannelSettings, band: RegionBand): void {
  const half = modulation.bandwidthHz / 2;
  // A band that is as wide as the signal has room for it, whatever floats say of its edges.
  const isInside =
    frequencyHz - half >= band.fromMHz * 1e6 - SAME_HZ && frequencyHz + half <= band.toMHz * 1e6 + SAME_HZ;
  if (isInside) return;
  throw refused(
    `frequencyHz: ${frequencyHz / 1e6} MHz, ${half / 500} kHz wide, does not lie in ` +
      `${band.fromMHz}–${band.toMHz} MHz, which the radio is set to (${band.name})`,
  );
}

function setPower(config: LoraConfig, powerDbm: number, band: RegionBand): void {
  // 0 stands for the most that the region allows.
  if (!Number.isInteger(powerDbm) || powerDbm < 1)
    throw refused(`powerDbm: ${powerDbm} is no whole number from 1 on`);
  if (powerDbm > band.maxDbm)
    throw refused(`powerDbm: ${powerDbm} is more than the ${band.maxDbm} dBm of ${band.name}`);
  config.txPower = powerDbm;
}
