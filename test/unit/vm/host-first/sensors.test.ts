import { describe, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import fc from "fast-check";
import {
  parseTemperature,
  parseThrottled,
  powerOf,
  readSensors,
} from "../../../../src/vm/host-first/sensors.ts";
import { scratchFolders } from "../../scratch.ts";

const scratch = scratchFolders();
function sysWith(files: Record<string, string>): string {
  const sys = scratch();
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(sys, path)), { recursive: true });
    writeFileSync(join(sys, path), text);
  }
  return sys;
}
const NOTHING = { temperatureC: undefined, throttled: undefined, power: undefined };

describe("the box's sensors", () => {
  test("say nothing where there are none", () => {
    expect(readSensors(scratch())).toEqual(NOTHING);
    expect(readSensors("/nowhere")).toEqual(NOTHING);
  });

  test("of a Raspberry Pi: the hottest zone, throttled now, too little voltage", () => {
    const throttled = "devices/platform/soc/soc:firmware/get_throttled";
    const files = {
      "class/thermal/thermal_zone0/temp": "55017\n",
      "class/thermal/thermal_zone1/temp": "61504\n",
      "class/thermal/cooling_device0/temp": "99000\n",
      "class/hwmon/hwmon0/name": "rpi_volt\n",
      "class/hwmon/hwmon0/in0_lcrit_alarm": "0\n",
    };
    expect(readSensors(sysWith({ ...files, [throttled]: "0\n" }))).toEqual({
      temperatureC: 61.504,
      throttled: false,
      power: "mains",
    });
    expect(readSensors(sysWith({ ...files, [throttled]: "50005\n" }))).toMatchObject({
      throttled: true,
      power: "low",
    });
    // It was so once, and is not now.
    expect(readSensors(sysWith({ ...files, [throttled]: "50000\n" }))).toMatchObject({
      throttled: false,
      power: "mains",
    });
    const alarm = { ...files, "class/hwmon/hwmon0/in0_lcrit_alarm": "1\n" };
    expect(readSensors(sysWith(alarm))).toMatchObject({ throttled: undefined, power: "low" });
  });

  test("of a laptop: its processor's own, not its disk's", () => {
    const sys = sysWith({
      "class/hwmon/hwmon0/name": "coretemp\n",
      "class/hwmon/hwmon0/temp1_input": "48000\n",
      "class/hwmon/hwmon1/name": "nvme\n",
      "class/hwmon/hwmon1/temp1_input": "70000\n",
      "class/power_supply/AC/type": "Mains\n",
      "class/power_supply/AC/online": "0\n",
      "class/power_supply/BAT0/type": "Battery\n",
      "class/power_supply/BAT0/status": "Discharging\n",
      "class/power_supply/BAT0/capacity": "19\n",
      "class/power_supply/hidpp_battery_0/type": "Battery\n",
      "class/power_supply/hidpp_battery_0/scope": "Device\n",
      "class/power_supply/hidpp_battery_0/capacity": "90\n",
      "class/power_supply/hidpp_battery_0/status": "Discharging\n",
    });
    expect(readSensors(sys)).toEqual({ temperatureC: 48, throttled: undefined, power: "low" });
  });
});

describe("one sensor", () => {
  test.each([
    ["45000\n", 45],
    ["-5000", -5],
    // No sensor, or one that sleeps.
    ["0\n", undefined],
    ["-273000\n", undefined],
    ["255000\n", undefined],
    ["45 degrees", undefined],
    ["", undefined],
    [undefined, undefined],
  ])("a temperature of %j is %p degrees", (text, celsius) => {
    expect(parseTemperature(text)).toBe(celsius as number);
  });

  test.each([
    ["0x0", { undervoltage: false, throttled: false }],
    ["1", { undervoltage: true, throttled: false }],
    ["2", { undervoltage: false, throttled: true }],
    ["4", { undervoltage: false, throttled: true }],
    ["8\n", { undervoltage: false, throttled: true }],
    ["80000000", { undervoltage: false, throttled: false }],
    ["throttled=0x0", undefined],
    ["100000000", undefined],
    [undefined, undefined],
  ])("the firmware's %j is %p", (text, expected) => {
    expect(parseThrottled(text)).toEqual(expected as never);
  });

  test("any text gives a value or none", () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const celsius = parseTemperature(text);
        expect(celsius === undefined || Math.abs(celsius) < 300).toBe(true);
        parseThrottled(text);
      }),
    );
  });
});

describe("what the box lives on", () => {
  const supply = (over: Partial<Parameters<typeof powerOf>[0][number]>) => ({
    type: "Battery",
    online: undefined,
    status: undefined,
    capacity: undefined,
    scope: undefined,
    ...over,
  });

  test.each([
    ["nothing that tells", [], undefined],
    ["a plug", [supply({ type: "Mains", online: "1" })], "mains"],
    ["a battery that is charged", [supply({ status: "Charging", capacity: "3" })], "mains"],
    ["a battery", [supply({ status: "Discharging", capacity: "21" })], "battery"],
    ["a battery of unknown content", [supply({ status: "Discharging" })], "battery"],
    [
      "the fuller of two",
      [supply({ status: "Discharging", capacity: "1" }), supply({ status: "Discharging", capacity: "80" })],
      "battery",
    ],
    ["one that is nearly empty", [supply({ status: "Discharging", capacity: "20" })], "low"],
    ["a mouse's", [supply({ status: "Discharging", capacity: "2", scope: "Device" })], undefined],
  ])("%s", (_, supplies, expected) => {
    expect(powerOf(supplies)).toBe(expected as never);
  });
});
