import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { bitRate, timeOnAirMs } from "../../../../src/lora/airtime/time-on-air.ts";
import { type Modulation, PRESETS } from "../../../../src/lora/modulation.ts";

/** As LoRaWAN in Europe uses it: 125 kHz, 4/5, 8 symbols of preamble. */
const lorawan = (spreadingFactor: number): Modulation => ({
  spreadingFactor,
  bandwidthHz: 125_000,
  codingRate: 5,
  preambleSymbols: 8,
});

describe("time on air", () => {
  // By Meshtastic's presets, with 16 symbols of preamble, to the millisecond.
  test.each([
    ["LongFast", 10, 313],
    ["LongFast", 50, 641],
    ["LongFast", 200, 1747],
    ["MediumFast", 10, 89],
    ["MediumFast", 50, 181],
    ["MediumFast", 200, 519],
  ] as const)("on %s of %d bytes is %d ms", (preset, bytes, ms) => {
    expect(Math.round(timeOnAirMs(PRESETS[preset], bytes))).toBe(ms);
  });

  test.each([
    [10, 12.4],
    [50, 26.4],
    [200, 81.5],
  ])("on ShortTurbo of %d bytes is %d ms", (bytes, ms) => {
    expect(Math.round(timeOnAirMs(PRESETS.ShortTurbo, bytes) * 10) / 10).toBe(ms);
  });

  // As Semtech's LoRa calculator and The Things Network's print it: 13 bytes of LoRaWAN header beside 10 of payload.
  test.each([
    [7, 61.7],
    [8, 113.2],
    [9, 205.8],
    [10, 370.7],
    [11, 823.3],
    [12, 1482.8],
  ])("of a LoRaWAN frame of 23 bytes by SF%d is %d ms", (sf, ms) => {
    expect(Math.round(timeOnAirMs(lorawan(sf), 23) * 10) / 10).toBe(ms);
  });

  test("never shrinks with the length, and steps by whole blocks of symbols", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 5, max: 12 }),
        fc.constantFrom(125_000, 250_000, 500_000),
        fc.integer({ min: 5, max: 8 }),
        fc.integer({ min: 0, max: 254 }),
        (spreadingFactor, bandwidthHz, codingRate, bytes) => {
          const modulation = { spreadingFactor, bandwidthHz, codingRate, preambleSymbols: 16 };
          const step = timeOnAirMs(modulation, bytes + 1) - timeOnAirMs(modulation, bytes);
          const blockMs = (codingRate * 2 ** spreadingFactor * 1000) / bandwidthHz;
          const blocks = step / blockMs;
          expect(blocks).toBeGreaterThanOrEqual(-1e-9);
          expect(Math.abs(blocks - Math.round(blocks))).toBeLessThan(1e-6);
        },
      ),
    );
  });

  test("is as the bit rate says when the frame is long", () => {
    for (const modulation of Object.values(PRESETS)) {
      const ms = timeOnAirMs(modulation, 255) - timeOnAirMs(modulation, 55);
      expect((200 * 8 * 1000) / ms / bitRate(modulation)).toBeCloseTo(1, 1);
    }
  });
});
