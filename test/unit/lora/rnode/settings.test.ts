import { describe, expect, test } from "bun:test";
import { type ChannelSettings, type Modulation, PRESETS } from "../../../../src/lora/modulation.ts";
import { askFrame, setFrame, settingsOf, verify } from "../../../../src/lora/rnode/settings.ts";

const channel = (
  more: Partial<ChannelSettings> = {},
  modulation: Partial<Modulation> = {},
): ChannelSettings => ({
  frequencyHz: 869_525_000,
  powerDbm: 14,
  ...more,
  modulation: { ...PRESETS.LongFast, ...modulation },
});

describe("the settings of a channel", () => {
  test("are what the firmware is told, big-endian", () => {
    expect(settingsOf(channel()).map((setting) => [setting.command, ...setFrame(setting).payload])).toEqual([
      [0x01, 0x33, 0xd3, 0xe6, 0x08],
      [0x02, 0x00, 0x03, 0xd0, 0x90],
      [0x03, 14],
      [0x04, 11],
      [0x05, 5],
    ]);
  });

  test("are asked for with what sets nothing", () => {
    expect(settingsOf(channel()).map((setting) => [...askFrame(setting).payload])).toEqual([
      [0, 0, 0, 0],
      [0, 0, 0, 0],
      [0xff],
      [0xff],
      [0xff],
    ]);
  });

  test.each([
    ["frequencyHz", channel({ frequencyHz: 100_000_000 })],
    ["frequencyHz", channel({ frequencyHz: 869_525_000.5 })],
    ["powerDbm", channel({ powerDbm: -3 })],
    ["powerDbm", channel({ powerDbm: 13.5 })],
    ["modulation.bandwidthHz", channel({}, { bandwidthHz: 200_000 })],
    ["modulation.spreadingFactor", channel({}, { spreadingFactor: 13 })],
    ["modulation.codingRate", channel({}, { codingRate: 4 })],
  ])("are refused by name: %s", (field, refused) => {
    expect(() => settingsOf(refused)).toThrow(`${field}: `);
  });

  test("are held against what the radio says; the frequency may be off by its steps", () => {
    const [frequency, bandwidth] = settingsOf(channel());
    if (!frequency || !bandwidth) throw new Error("no settings");
    const said = (value: number) => setFrame({ ...frequency, value });
    expect(() => verify(frequency, said(869_525_061))).not.toThrow();
    expect(() => verify(frequency, said(869_526_000))).toThrow(
      "frequencyHz: the radio can do 869526000, not 869525000",
    );
    expect(() => verify(bandwidth, setFrame({ ...bandwidth, value: 250_001 }))).toThrow("bandwidthHz");
  });
});
