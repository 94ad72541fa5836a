import fc from "fast-check";
import {
  centreOf,
  type HeOptions,
  HT_CAPABILITIES,
  type HtCapability,
  hasRadar,
  type OperatingChannel,
  type RadioOptions,
  VHT_CAPABILITIES,
  type VhtCapability,
} from "../../../../src/wifi/hostapd-conf/index.ts";
import { some } from "../hostap-syntax/arbitrary-values.ts";

const bool = fc.boolean();

const everyChannel: OperatingChannel[] = (["2.4GHz", "5GHz", "6GHz"] as const).flatMap((band) =>
  ([20, 40, 80, 160] as const).flatMap((widthMhz) =>
    (["+", "-", undefined] as const).flatMap((secondary) => {
      if ((secondary !== undefined) !== (band === "2.4GHz" && widthMhz === 40)) return [];
      const rest = secondary === undefined ? {} : { secondary };
      return Array.from({ length: 233 }, (_, index) => ({ band, number: index + 1, widthMhz, ...rest }));
    }),
  ),
);

/** Every channel that there is, with every width, by which 2.4, 5 and 6 GHz are as likely as one another. */
const arbitraryChannel = fc
  .constantFrom("2.4GHz", "5GHz", "6GHz")
  .chain((band) =>
    fc.constantFrom(
      ...everyChannel.filter((channel) => channel.band === band && centreOf(channel) !== undefined),
    ),
  );

const SLOW = [10, 20, 55, 110];
const FAST = [60, 90, 120, 180, 240, 360, 480, 540];

/** Of names that share a prefix the first alone, and none that needs another. */
function compatible<T extends string>(names: readonly T[], without: RegExp): T[] {
  const kinds = new Set<string>();
  return names.filter((name) => {
    const kind = name.replace(/-?[\d]+(?:-80PLUS80)?$/, "");
    if (without.test(name) || kinds.has(kind)) return false;
    kinds.add(kind);
    return true;
  });
}

function htCapabilities({ band, widthMhz }: OperatingChannel): fc.Arbitrary<HtCapability[]> {
  const known = HT_CAPABILITIES.filter((name) => {
    if (name === "40-INTOLERANT") return band === "2.4GHz" && widthMhz === 20;
    return name !== "DSSS_CCK-40" || band === "2.4GHz";
  });
  return fc.shuffledSubarray(known).map((names) => compatible(names, /^$/));
}

function vhtCapabilities({ widthMhz }: OperatingChannel): fc.Arbitrary<VhtCapability[]> {
  const needy = /^(?:BF-|SOUNDING|MU-|VHT-LINK|SHORT-GI-160)/;
  const wide: fc.Arbitrary<VhtCapability[]> =
    widthMhz === 160
      ? fc.constantFrom<VhtCapability[]>(["VHT160"], ["VHT160-80PLUS80", "SHORT-GI-160"])
      : fc.constant([]);
  const beams = fc.constantFrom<VhtCapability[]>(
    [],
    ["SU-BEAMFORMEE", "BF-ANTENNA-4"],
    ["SU-BEAMFORMER", "SOUNDING-DIMENSION-3", "MU-BEAMFORMER"],
    ["HTC-VHT", "VHT-LINK-ADAPT2"],
  );
  const others = fc.subarray(VHT_CAPABILITIES.filter((name) => !/^(?:VHT160|SU-|HTC)/.test(name)));
  return fc
    .tuple(wide, beams, others)
    .map(([first, second, rest]) => [...first, ...second, ...compatible(rest, needy)]);
}

const arbitraryHe = some<HeOptions>({
  suBeamformer: bool,
  suBeamformee: bool,
  muBeamformer: bool,
  bssColor: fc.integer({ min: 1, max: 63 }),
  defaultPaddingDuration: fc.integer({ min: 0, max: 4 }),
  twtRequired: bool,
  twtResponder: bool,
  rtsThreshold: fc.integer({ min: 0, max: 1023 }),
});

type Standard = "b" | "n" | "ac" | "ax";

function standards({ band, number, widthMhz }: OperatingChannel): readonly Standard[] {
  if (band === "6GHz") return ["ax"];
  if (band === "2.4GHz") return number === 14 ? ["b"] : widthMhz === 40 ? ["n", "ax"] : ["b", "n", "ax"];
  return widthMhz > 40 ? ["ac", "ax"] : widthMhz === 40 ? ["n", "ac", "ax"] : ["b", "n", "ac", "ax"];
}

function generation(channel: OperatingChannel): fc.Arbitrary<Pick<RadioOptions, "ht" | "vht" | "he">> {
  const { band } = channel;
  const ht = fc.record(
    {
      capabilities: htCapabilities(channel),
      required: bool,
      overlapScanIntervalS: fc.integer({ min: 0, max: 900 }),
    },
    { requiredKeys: ["capabilities"] },
  );
  const vht = fc.record(
    { capabilities: vhtCapabilities(channel), required: bool },
    { requiredKeys: ["capabilities"] },
  );
  return fc.constantFrom(...standards(channel)).chain((standard) =>
    fc.record({
      ...(standard === "b" || band === "6GHz" ? {} : { ht }),
      ...(band === "5GHz" && (standard === "ac" || standard === "ax") ? { vht } : {}),
      ...(standard === "ax" ? { he: arbitraryHe } : {}),
    }),
  );
}

function countryOf(channel: OperatingChannel): fc.Arbitrary<Partial<RadioOptions>> {
  const countryCode = channel.number === 14 && channel.band === "2.4GHz" ? "JP" : "DE";
  const advertised = { countryCode, advertiseCountry: true };
  const power = fc.integer({ min: 0, max: 255 });
  const full = fc.tuple(power, bool).map(([powerConstraintDb, spectrumManagementRequired]) => ({
    ...advertised,
    radarDetection: true,
    powerConstraintDb,
    spectrumManagementRequired,
  }));
  if (hasRadar(channel)) return fc.oneof(fc.constant({ ...advertised, radarDetection: true }), full);
  const country = fc.constantFrom<Partial<RadioOptions>>({ countryCode }, advertised, {
    countryCode,
    advertiseCountry: false,
  });
  return channel.band === "2.4GHz" && channel.number !== 14
    ? fc.oneof(country, full, fc.constant({}))
    : fc.oneof(country, full);
}

function ratesOf(
  channel: OperatingChannel,
): fc.Arbitrary<Pick<RadioOptions, "supportedRates" | "basicRates">> {
  const known = channel.band !== "2.4GHz" ? FAST : channel.number === 14 ? SLOW : [...SLOW, ...FAST];
  return fc.shuffledSubarray(known, { minLength: 1 }).chain((supportedRates) =>
    fc.record(
      {
        supportedRates: fc.constant(supportedRates),
        basicRates: fc.subarray(supportedRates, { minLength: 1 }),
      },
      { requiredKeys: [] },
    ),
  );
}

export const arbitraryRadio: fc.Arbitrary<RadioOptions> = arbitraryChannel.chain((channel) =>
  fc
    .tuple(
      generation(channel),
      countryOf(channel),
      ratesOf(channel),
      some<Pick<RadioOptions, "beaconIntervalTu" | "preamble" | "rtsThreshold">>({
        beaconIntervalTu: fc.integer({ min: 10, max: 65_535 }),
        preamble: fc.constantFrom("long", "short"),
        rtsThreshold: fc.integer({ min: -1, max: 2347 }),
      }),
    )
    .map((parts) => Object.assign({ channel }, ...parts)),
);
