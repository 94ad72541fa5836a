import type { InterfaceCombination, InterfaceType, Radio } from "../radio-inventory.ts";

/**
 * Whether a phy can carry these interfaces at the same time, by the rule of the kernel (cfg80211_iter_combinations): each
 * type counts against every limit that names it, and must be named by one. One interface alone needs no combination.
 * @param channels how many different channels they are on
 */
export function canCarry(radio: Radio, types: readonly InterfaceType[], channels: number): boolean {
  if (!types.every((type) => radio.types.includes(type))) return false;
  if (types.length <= 1) return true;
  return radio.combinations.some((one) => allows(one, types, channels));
}

function allows(
  combination: InterfaceCombination,
  types: readonly InterfaceType[],
  channels: number,
): boolean {
  if (types.length > combination.total || channels > combination.channels) return false;
  return [...new Set(types)].every((type) => {
    const limits = combination.limits.filter((limit) => limit.types.includes(type));
    return limits.length > 0 && limits.every(({ max, types: named }) => count(types, named) <= max);
  });
}

function count(types: readonly InterfaceType[], named: readonly InterfaceType[]): number {
  return types.filter((type) => named.includes(type)).length;
}
