import { linesOf } from "./inventory-error.ts";

/** A rule of a regulatory domain: what is allowed from one frequency to another. */
export interface RegulatoryRule {
  fromMhz: number;
  toMhz: number;
  /** The widest channel. With AUTO-BW the rule beside it may be added to this one. */
  widthMhz: number;
  maxPowerDbm: number;
  /** `DFS`, `NO-OUTDOOR`, `AUTO-BW`, `PASSIVE-SCAN` … */
  flags: readonly string[];
}

export interface RegulatoryDomain {
  /** The phy's number, which stays when it is renamed. Undefined: the domain of the machine. */
  phyIndex: number | undefined;
  /** The chip's firmware sets its own domain and takes none from the machine (Intel). */
  selfManaged: boolean;
  country: string;
  rules: readonly RegulatoryRule[];
}

const MAX_DOMAINS = 65;
const MAX_RULES = 64;

/** Reads `iw reg get`. */
export function parseIwReg(text: string): RegulatoryDomain[] {
  const domains: (RegulatoryDomain & { rules: RegulatoryRule[] })[] = [];
  let phyIndex: number | undefined;
  let selfManaged = false;
  for (const line of linesOf("iw reg get", text)) {
    const scope = /^(?:global|phy#(\d{1,4}))( \(self-managed\))?$/.exec(line);
    if (scope) {
      phyIndex = scope[1] === undefined ? undefined : Number(scope[1]);
      selfManaged = scope[2] !== undefined;
      continue;
    }
    const country = /^country ([A-Z0-9]{2}):/.exec(line)?.[1];
    if (country && domains.length < MAX_DOMAINS) domains.push({ phyIndex, selfManaged, country, rules: [] });
    const rule = parseRule(line);
    const domain = domains.at(-1);
    if (rule && domain && domain.rules.length < MAX_RULES) domain.rules.push(rule);
  }
  return domains;
}

/** `(5250 - 5350 @ 80), (N/A, 20), (0 ms), NO-OUTDOOR, DFS, AUTO-BW` */
function parseRule(line: string): RegulatoryRule | undefined {
  const [, from, to, width, power, flags = ""] =
    /^\((\d{1,6}) - (\d{1,6}) @ (\d{1,5})\), \((?:N\/A|\d{1,3}), (\d{1,3}|N\/A)\), \((?:N\/A|\d{1,6} ms)\)(.{0,200})$/.exec(
      line,
    ) ?? [];
  if (from === undefined) return undefined;
  return {
    fromMhz: Number(from),
    toMhz: Number(to),
    widthMhz: Number(width),
    maxPowerDbm: power === "N/A" ? 0 : Number(power),
    flags: flags.split(",").flatMap((flag) => flag.trim() || []),
  };
}

/** The country that a machine is set to: "00" where none is. */
export function countryOf(domains: readonly RegulatoryDomain[]): string {
  return domains.find(({ phyIndex }) => phyIndex === undefined)?.country ?? "00";
}
