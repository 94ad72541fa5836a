import { describe, expect, test } from "bun:test";
import { Readings } from "../../../../src/lora/rnode/readings.ts";
import { channelTime, phyTiming, snrDb } from "../../../../src/lora/rnode/telemetry.ts";

const frame = (command: number, ...payload: number[]) => ({ command, payload: Uint8Array.from(payload) });

describe("what the firmware tells", () => {
  test("of the channel is shares and levels", () => {
    // 12.34 % and 1 % of its own, 50 % and 100 % in use; -100 dBm now, -110 dBm of noise.
    const payload = [0x04, 0xd2, 0x00, 0x64, 0x13, 0x88, 0x27, 0x10, 57, 47, 0xff];
    expect(channelTime(Uint8Array.from(payload))).toEqual({
      ownShort: 0.1234,
      ownLong: 0.01,
      useShort: 0.5,
      useLong: 1,
      rssiDbm: -100,
      noiseFloorDbm: -110,
    });
    expect(channelTime(Uint8Array.from(payload.slice(0, 8)))?.rssiDbm).toBeUndefined();
    expect(channelTime(Uint8Array.from(payload.slice(0, 9)))).toBeUndefined();
  });

  test("of its timing holds for older firmware too, which leaves the quiet time out", () => {
    const payload = [0x20, 0x00, 0x00, 0x7a, 0x00, 0x12, 0x00, 0x94, 0x00, 0x62, 0x00, 0xc4];
    expect(phyTiming(Uint8Array.from(payload))).toEqual({ preambleSymbols: 18, slotMs: 98, quietMs: 196 });
    expect(phyTiming(Uint8Array.from(payload.slice(0, 10)))).toEqual({
      preambleSymbols: 18,
      slotMs: 98,
      quietMs: 196,
    });
    expect(phyTiming(Uint8Array.of())).toBeUndefined();
  });

  test("of a packet's signal is signed quarters of a dB, and dBm from -157 on", () => {
    expect([snrDb(0), snrDb(0x27), snrDb(0xff), snrDb(0x80)]).toEqual([0, 9.75, -0.25, -32]);
    const readings = new Readings();
    readings.take(frame(0x23, 57));
    readings.take(frame(0x24, 0xec));
    expect(readings.takeReception()).toEqual({ rssiDbm: -100, snrDb: -5 });
    expect(readings.takeReception()).toBeUndefined();
  });

  test("counts as a change only where an operator would see one", () => {
    const readings = new Readings();
    const told = [0, 0, 0, 1, 0, 2, 0, 0];
    expect(readings.take(frame(0x25, ...told))).toBe(true);
    expect(readings.take(frame(0x25, ...told))).toBe(false);
    expect(readings.take(frame(0x27, 1, 80))).toBe(true);
    expect(readings.take(frame(0x27, 2, 80))).toBe(false);
    expect(readings.take(frame(0x27, 2, 200))).toBe(true);
    expect(readings.batteryPercent).toBe(100);
  });

  test("is not changed by frames of another length", () => {
    const readings = new Readings();
    for (const command of [0x23, 0x24, 0x25, 0x26, 0x27, 0x28]) {
      expect(readings.take(frame(command))).toBe(false);
      expect(readings.take(frame(command, 1, 2, 3, 4, 5))).toBe(false);
    }
    expect(readings).toEqual(new Readings());
  });
});
