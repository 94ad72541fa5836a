import { type Modulation, PRESETS } from "./modulation.ts";

/**
 * What an operator may set where a module cannot do the modulation that is set: the first preset that fits, which is the
 * one that reaches farthest.
 * @returns words to stand behind the error; "" where no preset fits
 */
export function fittingPreset(fits: (modulation: Modulation) => boolean): string {
  const fitting = Object.entries(PRESETS).find(([, modulation]) => fits(modulation));
  return fitting ? `: set lora.preset = "${fitting[0]}"` : "";
}
