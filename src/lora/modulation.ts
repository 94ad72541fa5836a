/** How a LoRa radio modulates (Semtech SX1261/2 datasheet, chapter 6.1). */
export interface Modulation {
  /** 5 to 12. */
  spreadingFactor: number;
  bandwidthHz: number;
  /** 5 to 8: the denominator of 4/5 to 4/8. */
  codingRate: number;
  preambleSymbols: number;
}

/** Where and how a radio works. */
export interface ChannelSettings {
  frequencyHz: number;
  modulation: Modulation;
  /** At the antenna connector. */
  powerDbm: number;
}

/** Meshtastic's presets with their 16 preamble symbols (meshtastic.org/docs/overview/radio-settings). */
export const PRESETS = {
  LongFast: { spreadingFactor: 11, bandwidthHz: 250_000, codingRate: 5, preambleSymbols: 16 },
  MediumFast: { spreadingFactor: 9, bandwidthHz: 250_000, codingRate: 5, preambleSymbols: 16 },
  ShortTurbo: { spreadingFactor: 7, bandwidthHz: 500_000, codingRate: 5, preambleSymbols: 16 },
} as const satisfies Record<string, Modulation>;

export type PresetName = keyof typeof PRESETS;
