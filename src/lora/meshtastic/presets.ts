import type { Modulation } from "../modulation.ts";
import { ModemPreset } from "./proto/meshtastic_pb.ts";

/** The firmware's preamble below 2 GHz (RadioInterface.h). */
export const PREAMBLE_SYMBOLS = 16;

export interface Preset {
  /** Stands for the channel's name where that is empty; the default frequency slot follows from it. */
  name: string;
  bandwidthKHz: number;
  spreadingFactor: number;
  codingRate: number;
}

const preset = (name: string, bandwidthKHz: number, spreadingFactor: number, codingRate = 5): Preset => ({
  name,
  bandwidthKHz,
  spreadingFactor,
  codingRate,
});

/** Source: meshtastic.org/docs/overview/radio-settings, and MeshRadio.h for those since 2.8. */
export const MODEM_PRESETS: Readonly<Partial<Record<ModemPreset, Preset>>> = {
  [ModemPreset.LONG_FAST]: preset("LongFast", 250, 11),
  [ModemPreset.LONG_SLOW]: preset("LongSlow", 125, 12, 8),
  [ModemPreset.MEDIUM_SLOW]: preset("MediumSlow", 250, 10),
  [ModemPreset.MEDIUM_FAST]: preset("MediumFast", 250, 9),
  [ModemPreset.SHORT_SLOW]: preset("ShortSlow", 250, 8),
  [ModemPreset.SHORT_FAST]: preset("ShortFast", 250, 7),
  [ModemPreset.LONG_MODERATE]: preset("LongMod", 125, 11, 8),
  [ModemPreset.SHORT_TURBO]: preset("ShortTurbo", 500, 7),
  [ModemPreset.LONG_TURBO]: preset("LongTurbo", 500, 11, 8),
  [ModemPreset.MEDIUM_TURBO]: preset("MediumTurbo", 500, 9),
  [ModemPreset.LITE_FAST]: preset("LiteFast", 125, 9),
  [ModemPreset.LITE_SLOW]: preset("LiteSlow", 125, 10),
  [ModemPreset.NARROW_FAST]: preset("NarrowFast", 62.5, 7, 6),
  [ModemPreset.NARROW_SLOW]: preset("NarrowSlow", 62.5, 8, 6),
  [ModemPreset.TINY_FAST]: preset("TinyFast", 15.6, 7),
  [ModemPreset.TINY_SLOW]: preset("TinySlow", 15.6, 8, 6),
};

/** The presets that every firmware since 2.5 knows; others are set as explicit modulation, which comes to the same. */
const COMMON_PRESETS = [
  ModemPreset.LONG_FAST,
  ModemPreset.LONG_SLOW,
  ModemPreset.MEDIUM_SLOW,
  ModemPreset.MEDIUM_FAST,
  ModemPreset.SHORT_SLOW,
  ModemPreset.SHORT_FAST,
  ModemPreset.LONG_MODERATE,
  ModemPreset.SHORT_TURBO,
] as const;

/** The preset that modulates so, if there is one. */
export function presetOf({ bandwidthHz, spreadingFactor, codingRate }: Modulation): ModemPreset | undefined {
  return COMMON_PRESETS.find((id) => {
    const found = MODEM_PRESETS[id];
    return (
      found?.bandwidthKHz === bandwidthHz / 1_000 &&
      found.spreadingFactor === spreadingFactor &&
      found.codingRate === codingRate
    );
  });
}

/** Bandwidths that are no whole kHz have a code of their own in the configuration (MeshRadio.h, bwCodeToKHz). */
const CODED_BANDWIDTHS: Readonly<Record<number, number>> = {
  8: 7.8,
  10: 10.4,
  16: 15.6,
  21: 20.8,
  31: 31.25,
  42: 41.7,
  62: 62.5,
};

export const bandwidthKHzOf = (code: number): number => CODED_BANDWIDTHS[code] ?? code;

/** @returns undefined for a bandwidth that the chip does not have */
export function bandwidthCodeOf(kHz: number): number | undefined {
  if ([125, 250, 500].includes(kHz)) return kHz;
  const coded = Object.entries(CODED_BANDWIDTHS).find(([, bandwidth]) => bandwidth === kHz);
  return coded && Number(coded[0]);
}
