import type { Band } from "../radio-inventory.ts";

/**
 * The band that a frequency lies in; undefined for what the box does not use (900 MHz, 60 GHz …). 5935 MHz is channel 2
 * of the 6 GHz band (IEEE 802.11ax, 27.3.23.2).
 */
export function bandOf(frequencyMhz: number): Band | undefined {
  if (frequencyMhz >= 2_400 && frequencyMhz < 2_500) return "2.4GHz";
  if (frequencyMhz >= 5_150 && frequencyMhz < 5_925) return "5GHz";
  if (frequencyMhz >= 5_925 && frequencyMhz < 7_125) return "6GHz";
  return undefined;
}
