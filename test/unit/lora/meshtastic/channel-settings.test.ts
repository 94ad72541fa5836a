import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { loraConfig } from "../../../../src/bench/meshtastic/node-settings.ts";
import {
  channelNameOf,
  configFor,
  frequencyHzOf,
  modulationOf,
  powerDbmOf,
} from "../../../../src/lora/meshtastic/channel-settings.ts";
import { MODEM_PRESETS } from "../../../../src/lora/meshtastic/presets.ts";
import { ModemPreset, Region } from "../../../../src/lora/meshtastic/proto/meshtastic_pb.ts";
import { REGION_BANDS, regionNamed } from "../../../../src/lora/meshtastic/regions.ts";
import { type ChannelSettings, PRESETS } from "../../../../src/lora/modulation.ts";

const settings = (changes: Partial<ChannelSettings> = {}): ChannelSettings => ({
  frequencyHz: 869_525_000,
  modulation: PRESETS.LongFast,
  powerDbm: 14,
  ...changes,
});

describe("the frequency of a channel without one of its own", () => {
  // meshtastic.org/docs/overview/radio-settings tells the default slots.
  test.each([
    [Region.EU_868, ModemPreset.LONG_FAST, 869_525_000],
    [Region.US, ModemPreset.LONG_FAST, 906_875_000],
    [Region.US, ModemPreset.MEDIUM_FAST, 913_125_000],
    [Region.ANZ, ModemPreset.LONG_FAST, 919_875_000],
    [Region.EU_433, ModemPreset.LONG_FAST, 433_875_000],
  ])("follows from region %p and preset %p", (region, modemPreset, frequencyHz) => {
    expect(frequencyHzOf(loraConfig({ region, modemPreset }), "")).toBe(frequencyHz);
  });

  test("is that of the slot that was chosen, or of the channel's name", () => {
    const us = (slot: number) => loraConfig({ region: Region.US, slot });
    expect(frequencyHzOf(us(1), "")).toBe(902_125_000);
    expect(frequencyHzOf(us(104), "")).toBe(927_875_000);
    expect(frequencyHzOf(us(0), "omerta")).not.toBe(frequencyHzOf(us(0), "LongFast"));
    expect(frequencyHzOf(us(0), "LongFast")).toBe(906_875_000);
  });

  test("gives way to one that is set, and moves by the offset", () => {
    expect(frequencyHzOf(loraConfig({ overrideFrequency: 868.1 }), "")).toBe(868_100_000);
    expect(frequencyHzOf(loraConfig({ frequencyOffset: 0.01 }), "")).toBe(869_535_000);
  });

  test("is not known without a region", () => {
    expect(frequencyHzOf(loraConfig({ region: Region.UNSET }), "")).toBeUndefined();
  });
});

describe("a radio's modulation", () => {
  test.each([
    [ModemPreset.LONG_FAST, PRESETS.LongFast],
    [ModemPreset.MEDIUM_FAST, PRESETS.MediumFast],
    [ModemPreset.SHORT_TURBO, PRESETS.ShortTurbo],
  ])("is that of preset %p", (modemPreset, modulation) => {
    expect(modulationOf(loraConfig({ modemPreset }))).toEqual(modulation);
  });

  test("is more robust where the operator asks for that beside a preset, and never less", () => {
    expect(modulationOf(loraConfig({ codingRate: 8 })).codingRate).toBe(8);
    expect(modulationOf(loraConfig({ modemPreset: ModemPreset.LONG_SLOW, codingRate: 5 })).codingRate).toBe(
      8,
    );
  });

  test("is what is set without a preset, a fraction of a kHz by its code", () => {
    const config = loraConfig({ usePreset: false, bandwidth: 31, spreadingFactor: 9, codingRate: 7 });
    expect(modulationOf(config)).toEqual({
      spreadingFactor: 9,
      bandwidthHz: 31_250,
      codingRate: 7,
      preambleSymbols: 16,
    });
    expect(channelNameOf(config, "")).toBe("Custom");
  });

  test("is the firmware's default where what is set cannot be", () => {
    const config = loraConfig({ usePreset: false, bandwidth: 0, spreadingFactor: 99, codingRate: 1 });
    expect(modulationOf(config)).toEqual(PRESETS.LongFast);
  });
});

describe("the power of a radio", () => {
  test("is what is set, up to the region's limit, which 0 stands for", () => {
    expect(powerDbmOf(loraConfig({ txPower: 14 }))).toBe(14);
    expect(powerDbmOf(loraConfig({ txPower: 0 }))).toBe(27);
    expect(powerDbmOf(loraConfig({ txPower: 30 }))).toBe(27);
  });
});

describe("the configuration for a channel", () => {
  test("says what was asked for, whatever was set before", () => {
    const regions = Object.keys(REGION_BANDS).map(Number) as Region[];
    fc.assert(
      fc.property(
        fc.constantFrom(...regions),
        fc.constantFrom(62_500, 125_000, 250_000, 500_000),
        fc.integer({ min: 5, max: 12 }),
        fc.integer({ min: 5, max: 8 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.integer({ min: 1, max: 10 }),
        fc.boolean(),
        (region, bandwidthHz, spreadingFactor, codingRate, place, powerDbm, usePreset) => {
          const band = REGION_BANDS[region];
          if (!band || (band.toMHz - band.fromMHz) * 1e6 < bandwidthHz) return;
          const [from, to] = [band.fromMHz * 1e6 + bandwidthHz / 2, band.toMHz * 1e6 - bandwidthHz / 2];
          const asked = {
            frequencyHz: Math.round((from + (to - from) * place) / 1_000) * 1_000,
            modulation: { spreadingFactor, bandwidthHz, codingRate, preambleSymbols: 16 },
            powerDbm,
          };
          if (asked.frequencyHz < from || asked.frequencyHz > to) return;
          const before = loraConfig({ region, usePreset, slot: 3, frequencyOffset: 0.2, codingRate: 8 });
          const config = configFor(asked, before, "", Region.UNSET);
          expect(modulationOf(config)).toEqual(asked.modulation);
          expect(frequencyHzOf(config, "")).toBe(asked.frequencyHz);
          expect(powerDbmOf(config)).toBe(powerDbm);
        },
      ),
    );
  });

  test("leaves alone what it is not about", () => {
    const before = loraConfig({ hopLimit: 5, okToMqtt: true, ignoreIncoming: [7], rxBoostedGain: false });
    expect(configFor(settings(), before, "", Region.UNSET)).toMatchObject({
      hopLimit: 5,
      okToMqtt: true,
      ignoreIncoming: [7],
      rxBoostedGain: false,
    });
  });

  test("uses a preset where there is one, and the default slot where it is the one", () => {
    const config = configFor(
      settings({ modulation: PRESETS.ShortTurbo, frequencyHz: 915e6 }),
      loraConfig({ region: Region.US }),
      "",
      Region.UNSET,
    );
    expect(config.usePreset).toBe(true);
    expect(config.modemPreset).toBe(ModemPreset.SHORT_TURBO);
    expect(config.overrideFrequency).toBe(915);
    expect(configFor(settings(), loraConfig(), "", Region.UNSET).overrideFrequency).toBe(0);
  });

  test.each([
    ["frequencyHz: 915 MHz, 250 kHz wide, does not lie in 869.4–869.65 MHz", { frequencyHz: 915e6 }],
    ["frequencyHz: 869.6 MHz", { frequencyHz: 869_600_000 }],
    ["powerDbm: 28 is more than the 27 dBm of EU868", { powerDbm: 28 }],
    ["powerDbm: 0 is no whole number from 1 on", { powerDbm: 0 }],
    ["powerDbm: 13.5 is no whole number from 1 on", { powerDbm: 13.5 }],
    ["bandwidthHz: 203000 is none", { modulation: { ...PRESETS.LongFast, bandwidthHz: 203_000 } }],
    ["spreadingFactor: 13 is not 5 to 12", { modulation: { ...PRESETS.LongFast, spreadingFactor: 13 } }],
    ["codingRate: 4 is not 5 to 8", { modulation: { ...PRESETS.LongFast, codingRate: 4 } }],
  ])("is refused with the field named: %s", (message, changes) => {
    expect(() => configFor(settings(changes), loraConfig(), "", Region.UNSET)).toThrow(message);
  });

  test("is refused to a radio without a region, unless one is given for such", () => {
    const fresh = loraConfig({ region: Region.UNSET, txEnabled: false });
    expect(() => configFor(settings(), fresh, "", Region.UNSET)).toThrow("region: the radio has none set");
    const config = configFor(settings(), fresh, "", Region.EU_868);
    expect(config).toMatchObject({ region: Region.EU_868, txEnabled: true });
  });
});

describe("a region's name", () => {
  test("leads to the region, and one that there is not is an error", () => {
    expect(regionNamed("US915")).toBe(Region.US);
    expect(() => regionNamed("EU869")).toThrow("region: the firmware has none that is called EU869");
  });
});

describe("the presets", () => {
  test("are all there", () => {
    expect(Object.keys(MODEM_PRESETS).length).toBe(Object.keys(ModemPreset).length / 2 - 1);
  });
});
