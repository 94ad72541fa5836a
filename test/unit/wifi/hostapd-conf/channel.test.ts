import { describe, expect, test } from "bun:test";
import {
  centreOf,
  hasRadar,
  type OperatingChannel,
  primaryFrequencyMhz,
  secondaryOf,
} from "../../../../src/wifi/hostapd-conf/index.ts";

/** Every primary channel that has a middle of this width, by that middle. */
function blocks(band: OperatingChannel["band"], widthMhz: 40 | 80 | 160): Record<number, number[]> {
  const found: Record<number, number[]> = {};
  for (let number = 1; number <= 240; number++) {
    const centre = centreOf({ band, number, widthMhz });
    if (centre !== undefined) found[centre] = [...(found[centre] ?? []), number];
  }
  return found;
}

describe("a channel", () => {
  // IEEE 802.11-2020, table E-4, classes 115 to 130.
  test("of 5 GHz has the middles of the standard", () => {
    expect(blocks("5GHz", 80)).toEqual({
      42: [36, 40, 44, 48],
      58: [52, 56, 60, 64],
      106: [100, 104, 108, 112],
      122: [116, 120, 124, 128],
      138: [132, 136, 140, 144],
      155: [149, 153, 157, 161],
      171: [165, 169, 173, 177],
    });
    expect(blocks("5GHz", 160)).toEqual({
      50: [36, 40, 44, 48, 52, 56, 60, 64],
      114: [100, 104, 108, 112, 116, 120, 124, 128],
      163: [149, 153, 157, 161, 165, 169, 173, 177],
    });
    const pairs = [38, 46, 54, 62, 102, 110, 118, 126, 134, 142, 151, 159, 167, 175];
    expect(Object.keys(blocks("5GHz", 40)).map(Number)).toEqual(pairs);
  });

  test("of 6 GHz has the middles of the standard", () => {
    expect(Object.keys(blocks("6GHz", 160)).map(Number)).toEqual([15, 47, 79, 111, 143, 175, 207]);
    expect(Object.keys(blocks("6GHz", 80))).toHaveLength(14);
    expect(Object.keys(blocks("6GHz", 40))).toHaveLength(29);
    expect(centreOf({ band: "6GHz", number: 233, widthMhz: 20 })).toBe(233);
  });

  test("of 40 MHz on 2.4 GHz lies above or below, as far as the band goes", () => {
    const at = (number: number, secondary: "+" | "-") =>
      centreOf({ band: "2.4GHz", number, widthMhz: 40, secondary });
    expect([at(1, "+"), at(9, "+"), at(10, "+")]).toEqual([3, 11, undefined]);
    expect([at(4, "-"), at(5, "-"), at(13, "-"), at(14, "-")]).toEqual([undefined, 3, 11, undefined]);
  });

  test("knows on which side its second 20 MHz are", () => {
    const side = (number: number, widthMhz: 20 | 40 | 80 | 160) =>
      secondaryOf({ band: "5GHz", number, widthMhz });
    expect([side(36, 40), side(40, 40), side(44, 80), side(48, 160), side(36, 20)]).toEqual([
      "+",
      "-",
      "+",
      "-",
      undefined,
    ]);
  });

  test("is one where radar is looked for when any of it is", () => {
    const radar = (number: number, widthMhz: 20 | 40 | 80 | 160) =>
      hasRadar({ band: "5GHz", number, widthMhz });
    expect([radar(48, 80), radar(48, 160), radar(52, 20), radar(144, 20), radar(149, 80)]).toEqual([
      false,
      true,
      true,
      true,
      false,
    ]);
    expect(hasRadar({ band: "6GHz", number: 53, widthMhz: 20 })).toBe(false);
  });

  test("has the frequency that the kernel calls it by", () => {
    expect(primaryFrequencyMhz({ band: "2.4GHz", number: 13 })).toBe(2472);
    expect(primaryFrequencyMhz({ band: "2.4GHz", number: 14 })).toBe(2484);
    expect(primaryFrequencyMhz({ band: "5GHz", number: 36 })).toBe(5180);
    expect(primaryFrequencyMhz({ band: "6GHz", number: 1 })).toBe(5955);
  });
});
