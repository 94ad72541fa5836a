import { INTERFACE_TYPES, type InterfaceCombination, type InterfaceType } from "../radio-inventory.ts";

/** nl80211 has no phy with more; what follows is left out, which plans less and never too much. */
const MAX_COMBINATIONS = 32;

/** The type of interface that `iw` calls by this name; undefined for those that the box does not use. */
export function interfaceType(name: string): InterfaceType | undefined {
  return INTERFACE_TYPES.find((type) => type === name);
}

/**
 * Reads combinations such as
 * `* #{ managed, AP } <= 2, #{ mesh point } <= 1, total <= 2, #channels <= 1, STA/AP BI must match`, each over one line
 * or several (iw, info.c, print_interface_combination).
 * @param lines what follows `valid interface combinations:`, trimmed; stops at the first line that is none of it
 */
export function parseCombinations(lines: readonly string[]): InterfaceCombination[] {
  const texts: string[] = [];
  for (const line of lines) {
    if (/^\* ?#\{/.test(line)) texts.push(line);
    else if (texts.length > 0 && /^(#\{|\}|total <=|[A-Za-z0-9 /,-]+\} <=|STA\/AP BI)/.test(line))
      texts.push(`${texts.pop() ?? ""} ${line}`);
    else break;
  }
  return texts.slice(0, MAX_COMBINATIONS).flatMap((text) => parseCombination(text) ?? []);
}

function parseCombination(text: string): InterfaceCombination | undefined {
  const total = numberOf(/total <= (\d{1,4})/, text);
  const channels = numberOf(/#channels <= (\d{1,2})/, text);
  if (total === undefined || channels === undefined) return undefined;
  const limits = [...text.matchAll(/#\{([^{}]{1,200})\} <= (\d{1,4})/g)].map(([, names = "", max]) => ({
    types: names.split(",").flatMap((name) => interfaceType(name.trim()) ?? []),
    max: Number(max),
  }));
  return {
    limits: limits.filter(({ types }) => types.length > 0),
    total,
    channels,
    sameBeaconInterval: text.includes("STA/AP BI must match"),
  };
}

function numberOf(pattern: RegExp, text: string): number | undefined {
  const found = pattern.exec(text)?.[1];
  return found === undefined ? undefined : Number(found);
}
