import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  ChannelError,
  REGIONS,
  type RegionName,
  type SubBand,
  subBandOf,
} from "../../../../src/lora/airtime/regions.ts";
import { type ChannelSettings, PRESETS } from "../../../../src/lora/modulation.ts";

const HOUR_MS = 3_600_000;
const NAMES = Object.keys(REGIONS) as RegionName[];

const channel = (frequencyMHz: number, bandwidthHz = 125_000, powerDbm = 10): ChannelSettings => ({
  frequencyHz: Math.round(frequencyMHz * 1e6),
  modulation: { ...PRESETS.LongFast, bandwidthHz },
  powerDbm,
});

/** The field that is wrong, or the share of an hour that is left. */
function verdict(region: RegionName, settings: ChannelSettings): string | number {
  try {
    const [limit] = subBandOf(region, settings).limits;
    return limit ? limit.airtimeMs / limit.windowMs : 1;
  } catch (error) {
    if (error instanceof ChannelError) return error.field;
    throw error;
  }
}

describe("the sub-band of a channel", () => {
  // ERC Recommendation 70-03, annex 1.
  test.each([
    [864, 14, 0.001],
    [866.5, 14, 0.01],
    [868.3, 14, 0.01],
    [868.95, 14, 0.001],
    [869.525, 27, 0.1],
    [869.85, 14, 0.01],
  ])("in the EU at %d MHz allows %d dBm for its share of an hour", (frequencyMHz, powerDbm, share) => {
    const band = subBandOf("EU868", channel(frequencyMHz, 125_000, powerDbm));
    expect(band.limits).toEqual([{ windowMs: HOUR_MS, airtimeMs: HOUR_MS * share }]);
    expect(verdict("EU868", channel(frequencyMHz, 125_000, powerDbm + 1))).toBe("powerDbm");
  });

  test("holds a channel that fills it from edge to edge, and none that is a hertz beside", () => {
    expect(verdict("EU868", channel(869.525, 250_000))).toBe(0.1);
    expect(verdict("EU868", channel(869.525_001, 250_000))).toBe("frequencyHz");
    expect(verdict("EU868", channel(869.524_999, 250_000))).toBe("frequencyHz");
  });

  test("is none where the channel reaches over an edge, though its middle is inside, or over two sub-bands", () => {
    expect(verdict("EU868", channel(869.6, 125_000))).toBe("frequencyHz");
    expect(verdict("EU868", channel(868, 125_000))).toBe("frequencyHz");
    expect(verdict("EU868", channel(868.65, 125_000))).toBe("frequencyHz");
    expect(() => subBandOf("EU868", channel(915))).toThrow(
      "frequencyHz: 915 MHz, 125 kHz wide, does not lie whole in a band of EU868 (863–865 MHz, 865–868 MHz,",
    );
  });

  test("has the dwell time that goes with the bandwidth in the US", () => {
    expect(subBandOf("US915", channel(906.875, 125_000)).limits).toEqual([
      { windowMs: 20_000, airtimeMs: 400 },
    ]);
    expect(subBandOf("US915", channel(906.875, 250_000)).limits).toEqual([
      { windowMs: 10_000, airtimeMs: 400 },
    ]);
    expect(subBandOf("US915", channel(906.875, 500_000)).limits).toEqual([]);
  });

  test("names the bandwidth where a rule allows no such wide signal", () => {
    expect(verdict("IN865", channel(866, 250_000))).toBe("bandwidthHz");
    expect(verdict("IN865", channel(866, 125_000))).toBe(1);
    expect(verdict("CN470", channel(490, 250_000))).toBe("bandwidthHz");
  });

  test("has a longest transmission and a pause in Japan and Korea", () => {
    for (const [region, frequencyMHz] of [
      ["JP920", 921.8],
      ["KR920", 922.5],
    ] as const) {
      expect(subBandOf(region, channel(frequencyMHz))).toMatchObject({ longestMs: 4_000, pauseMs: 50 });
    }
  });

  test("asks for listening first in Japan and Korea, and nowhere else", () => {
    const listening = NAMES.filter((region) =>
      REGIONS[region].some(({ listensFirst }: SubBand) => listensFirst === true),
    );
    expect(listening).toEqual(["JP920", "KR920"]);
    expect(subBandOf("KR920", channel(922.5)).listensFirst).toBe(true);
    expect(subBandOf("EU868", channel(868.3)).listensFirst).toBeUndefined();
  });

  test("holds the whole channel, at its power and bandwidth, wherever one is found", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...NAMES),
        fc.integer({ min: 430_000_000, max: 930_000_000 }),
        fc.constantFrom(7_800, 62_500, 125_000, 250_000, 500_000),
        fc.integer({ min: -9, max: 37 }),
        (region, near, bandwidthHz, powerDbm) => {
          // Most frequencies lie in no band: take one near the region's.
          const bands: readonly SubBand[] = REGIONS[region];
          const some = bands[near % bands.length];
          const frequencyHz = (some?.fromHz ?? 0) - 300_000 + (near % 3_000_000);
          const settings = channel(frequencyHz / 1e6, bandwidthHz, powerDbm);
          const whole = bands.filter(
            ({ fromHz, toHz }) =>
              settings.frequencyHz - bandwidthHz / 2 >= fromHz &&
              settings.frequencyHz + bandwidthHz / 2 <= toHz,
          );
          const isAllowed = whole.some(
            ({ maxDbm, maxBandwidthHz = Number.POSITIVE_INFINITY }) =>
              powerDbm <= maxDbm && bandwidthHz <= maxBandwidthHz,
          );
          expect(typeof verdict(region, settings)).toBe(isAllowed ? "number" : "string");
        },
      ),
      { numRuns: 2_000 },
    );
  });
});

describe("each sub-band", () => {
  const all = NAMES.flatMap((region) =>
    REGIONS[region].map((band: SubBand): [string, SubBand] => [`${region} ${band.name}`, band]),
  );
  test.each(all)(
    "%s is whole: edges in order and in whole hertz, limits that can be kept, a source",
    (_, band) => {
      expect(Number.isInteger(band.fromHz) && Number.isInteger(band.toHz)).toBe(true);
      expect(band.fromHz).toBeLessThan(band.toHz);
      for (const { windowMs, airtimeMs } of band.limits) {
        expect(airtimeMs).toBeGreaterThan(0);
        expect(airtimeMs).toBeLessThan(windowMs);
      }
      expect(band.source.length).toBeGreaterThan(10);
    },
  );
});
