import { describe, expect, test } from "bun:test";
import { statSync } from "node:fs";
import { bytesAnHourFor, CHEAP_CARD, yearsOfCard } from "../../../src/first-boot/wear/card-life.ts";
import { bytesWritten, deviceNumbers } from "../../../src/first-boot/wear/disk-writes.ts";

// Of a Raspberry Pi 4 with Linux 6.12: seventeen counters behind the name.
const DISKSTATS = `   7       0 loop0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0
 179       0 mmcblk0 9210 3321 812345 5210 1402 2300 60992 8123 0 9000 13333 0 0 0 0 0 0
 179       7 mmcblk0p7 120 10 4212 80 1300 2100 51200 7900 0 8000 7980 0 0 0 0 0 0
 254      32 vdc 1 0 8 0
`;

describe("what is written to a card", () => {
  test("is read from the kernel's counters, by the device's numbers", () => {
    expect(bytesWritten(DISKSTATS, { major: 179, minor: 7 })).toBe(51_200 * 512);
    expect(bytesWritten(DISKSTATS, { major: 179, minor: 0 })).toBe(60_992 * 512);
    expect(bytesWritten(DISKSTATS, { major: 0, minor: 42 })).toBeUndefined();
    // A kernel of before the counters.
    expect(bytesWritten(DISKSTATS, { major: 254, minor: 32 })).toBeUndefined();
    expect(bytesWritten("", { major: 0, minor: 0 })).toBeUndefined();
  });

  test("is of the device that a folder is on", () => {
    expect(deviceNumbers(0xb307n)).toEqual({ major: 179, minor: 7 });
    expect(deviceNumbers(0x12345678n)).toEqual({ major: 0x456, minor: 0x12378 });
    const { dev } = statSync("/proc", { bigint: true });
    expect(deviceNumbers(dev).major).toBe(0);
  });
});

describe("a card", () => {
  test("lasts for as long as its cells can be written, with what it adds by itself", () => {
    // 16 GB 300 times are 4.8 TB, a sixteenth of it 300 GB: 34 MB an hour for a year.
    expect(bytesAnHourFor(CHEAP_CARD, 1) / 1e6).toBeCloseTo(34.2, 1);
    expect(yearsOfCard(CHEAP_CARD, bytesAnHourFor(CHEAP_CARD, 3))).toBeCloseTo(3, 9);
    expect(yearsOfCard(CHEAP_CARD, 0)).toBe(Number.POSITIVE_INFINITY);
  });
});
