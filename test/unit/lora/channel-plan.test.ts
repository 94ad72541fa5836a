import { describe, expect, test } from "bun:test";
import { configSchema, defaultConfig } from "../../../src/config/schema.ts";
import { ChannelError, REGIONS, type RegionName, subBandOf } from "../../../src/lora/airtime/index.ts";
import { planChannel } from "../../../src/lora/channel-plan.ts";

const names = Object.keys(REGIONS) as RegionName[];

describe("the channel of a region", () => {
  test.each(names)("of %s is allowed there with a preset or a bandwidth that the region allows", (region) => {
    const { lora } = configSchema.parse({ lora: { region, power_dbm: 10 } });
    const plan = planChannel(lora);
    expect(plan.region).toBe(region);
    const narrow = { ...plan.channel, modulation: { ...plan.channel.modulation, bandwidthHz: 125_000 } };
    expect(() => subBandOf(region, narrow)).not.toThrow();
    try {
      subBandOf(region, plan.channel);
    } catch (error) {
      // India and China allow no channel as wide as the presets.
      expect(error).toBeInstanceOf(ChannelError);
      expect(["IN865", "CN470"]).toContain(region);
    }
  });

  test("is the operator's where one is set", () => {
    const { lora } = configSchema.parse({
      lora: { region: "EU868", frequency_khz: 869_462, preset: "MediumFast" },
    });
    expect(planChannel(lora).channel).toMatchObject({
      frequencyHz: 869_462_000,
      modulation: { spreadingFactor: 9 },
    });
  });

  test("is nowhere to be sent on while no region is set", () => {
    expect(planChannel(defaultConfig().lora).region).toBeUndefined();
  });

  test("has the limits of every region that may be configured, and no other region has any", () => {
    const configurable = names.filter((region) => configSchema.safeParse({ lora: { region } }).success);
    expect(configurable).toEqual(names);
    expect(configSchema.safeParse({ lora: { region: "XX000" } }).success).toBe(false);
  });
});
