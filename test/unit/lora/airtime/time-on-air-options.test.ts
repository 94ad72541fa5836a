import { describe, expect, test } from "bun:test";
import { symbolMs, timeOnAirMs } from "../../../../src/lora/airtime/time-on-air.ts";
import type { Modulation } from "../../../../src/lora/modulation.ts";

const modulation = (spreadingFactor: number, more: Partial<Modulation> = {}): Modulation => ({
  spreadingFactor,
  bandwidthHz: 125_000,
  codingRate: 5,
  preambleSymbols: 8,
  ...more,
});

describe("time on air, worked by hand from the datasheet", () => {
  // SX1261/2 datasheet, section 6.1.4: 12 + 6.25 + 8 + ceil((80 + 16 − 24 + 20) / 24) · 5 = 46.25 symbols of 0.512 ms.
  test("of SF6 has two more symbols of preamble, and no 8 bits beside the header", () => {
    expect(timeOnAirMs(modulation(6, { preambleSymbols: 12 }), 10)).toBeCloseTo(23.68, 9);
  });

  // 12 + 6.25 + 8 + ceil((2040 + 16 − 20 + 20) / 20) · 5 = 541.25 symbols of 0.064 ms.
  test("of SF5 of the longest frame", () => {
    const fastest = modulation(5, { preambleSymbols: 12, bandwidthHz: 500_000 });
    expect(timeOnAirMs(fastest, 255)).toBeCloseTo(34.64, 9);
  });

  test("has no payload symbols when all of it is in the header's", () => {
    // 8 + 6.25 + 8 symbols of 0.256 ms; 8 bits are less than the 20 that go with the first symbols.
    expect(
      timeOnAirMs(modulation(5, { codingRate: 8 }), 1, { implicitHeader: true, crc: false }),
    ).toBeCloseTo(5.696, 9);
  });

  test("of an implicit header saves 20 bits, and without CRC 16", () => {
    expect(timeOnAirMs(modulation(7), 20, { implicitHeader: true, crc: false })).toBeCloseTo(46.336, 9);
  });

  test("is longer where low data rate optimization is on, which it is from 16 ms a symbol on", () => {
    const slow = modulation(12, { codingRate: 8 });
    expect(symbolMs(slow)).toBe(32.768);
    expect(timeOnAirMs(slow, 51)).toBeCloseTo(3_547.136, 9);
    expect(timeOnAirMs(slow, 51, { lowDataRateOptimize: false })).toBeCloseTo(3_022.848, 9);
    // SF11 at 125 kHz: 16.384 ms. SF11 at 250 kHz: 8.192 ms.
    const isOptimized = (of: Modulation) =>
      timeOnAirMs(of, 99) === timeOnAirMs(of, 99, { lowDataRateOptimize: true });
    expect(isOptimized(modulation(11))).toBe(true);
    expect(isOptimized(modulation(11, { bandwidthHz: 250_000 }))).toBe(false);
  });

  // As The Things Network's airtime calculator prints them, at 4/5 and 125 kHz: 0, 51 and 242 bytes behind 13 of header.
  test.each([
    [7, 46.3, 118.0, 399.6],
    [8, 82.4, 215.6, 707.1],
    [9, 164.9, 390.1, 1250.3],
    [10, 288.8, 698.4, 2295.8],
    [11, 577.5, 1560.6, 5001.2],
    [12, 1155.1, 2793.5, 9019.4],
  ])("of LoRaWAN frames by SF%d", (sf, none, fiftyOne, most) => {
    const rounded = [13, 64, 255].map((bytes) => Math.round(timeOnAirMs(modulation(sf), bytes) * 10) / 10);
    expect(rounded).toEqual([none, fiftyOne, most]);
  });
});
