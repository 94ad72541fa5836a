import type { ValueCodec } from "../hostap-syntax/index.ts";

/** What ht_capab of hostapd 2.10 knows, but for the width, which the channel says. */
export const HT_CAPABILITIES = [
  "LDPC",
  "GF",
  "SHORT-GI-20",
  "SHORT-GI-40",
  "TX-STBC",
  "RX-STBC1",
  "RX-STBC12",
  "RX-STBC123",
  "DELAYED-BA",
  "MAX-AMSDU-7935",
  "DSSS_CCK-40",
  "40-INTOLERANT",
  "LSIG-TXOP-PROT",
] as const;
export type HtCapability = (typeof HT_CAPABILITIES)[number];

/** What vht_capab of hostapd 2.10 knows. */
export const VHT_CAPABILITIES = [
  "MAX-MPDU-7991",
  "MAX-MPDU-11454",
  "VHT160",
  "VHT160-80PLUS80",
  "RXLDPC",
  "SHORT-GI-80",
  "SHORT-GI-160",
  "TX-STBC-2BY1",
  "RX-STBC-1",
  "RX-STBC-12",
  "RX-STBC-123",
  "RX-STBC-1234",
  "SU-BEAMFORMER",
  "SU-BEAMFORMEE",
  "BF-ANTENNA-2",
  "BF-ANTENNA-3",
  "BF-ANTENNA-4",
  "SOUNDING-DIMENSION-2",
  "SOUNDING-DIMENSION-3",
  "SOUNDING-DIMENSION-4",
  "MU-BEAMFORMER",
  "VHT-TXOP-PS",
  "HTC-VHT",
  "MAX-A-MPDU-LEN-EXP1",
  "MAX-A-MPDU-LEN-EXP2",
  "MAX-A-MPDU-LEN-EXP3",
  "MAX-A-MPDU-LEN-EXP4",
  "MAX-A-MPDU-LEN-EXP5",
  "MAX-A-MPDU-LEN-EXP6",
  "MAX-A-MPDU-LEN-EXP7",
  "VHT-LINK-ADAPT2",
  "VHT-LINK-ADAPT3",
  "RX-ANTENNA-PATTERN",
  "TX-ANTENNA-PATTERN",
] as const;
export type VhtCapability = (typeof VHT_CAPABILITIES)[number];

/** Of those that share a field of the capabilities, one. */
const ONE_OF: readonly RegExp[] = [
  /^RX-STBC\d+$/,
  /^RX-STBC-\d+$/,
  /^MAX-MPDU-/,
  /^VHT160/,
  /^BF-ANTENNA-/,
  /^SOUNDING-DIMENSION-/,
  /^MAX-A-MPDU-LEN-EXP/,
  /^VHT-LINK-ADAPT/,
];

/** hostapd ignores the first without the second. */
const NEEDS: readonly (readonly [RegExp, RegExp])[] = [
  [/^BF-ANTENNA-/, /^SU-BEAMFORMEE$/],
  [/^SOUNDING-DIMENSION-/, /^SU-BEAMFORMER$/],
  [/^MU-BEAMFORMER$/, /^SU-BEAMFORMER$/],
  [/^VHT-LINK-ADAPT/, /^HTC-VHT$/],
  [/^SHORT-GI-160$/, /^VHT160/],
];

/** What is wrong with capabilities beside one another. */
export function capabilityFault(names: readonly string[]): string | undefined {
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) return `${twice} is there twice`;
  for (const pattern of ONE_OF) {
    const [first, second] = names.filter((name) => pattern.test(name));
    if (second !== undefined) return `${first} and ${second} exclude each other`;
  }
  for (const [pattern, needed] of NEEDS) {
    const name = names.find((each) => pattern.test(each));
    if (name !== undefined && !names.some((each) => needed.test(each)))
      return `${name} means nothing without ${needed.source.replace(/[$^]/g, "")}`;
  }
  return undefined;
}

/** `[LDPC][SHORT-GI-20]` */
export function capabilityCodec<T extends string>(known: readonly T[]): ValueCodec<readonly T[]> {
  const one = new Map<string, T>(known.map((name) => [name, name]));
  return {
    form: `names in brackets, of ${known.join(", ")}`,
    fits: (names) => names.every((name) => one.has(name)),
    encode: (names) => names.map((name) => `[${name}]`).join(""),
    decode: (text) => {
      if (!/^(?:\[[^[\]]+\])*$/.test(text)) return undefined;
      const names = [...text.matchAll(/\[([^[\]]+)\]/g)].map(([, name = ""]) => one.get(name));
      return names.every((name) => name !== undefined) ? names : undefined;
    },
  };
}
