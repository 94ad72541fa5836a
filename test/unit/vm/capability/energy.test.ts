import { describe, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import fc from "fast-check";
import { EnergyLedger, joulesBetween } from "../../../../src/vm/capability/energy.ts";
import { type EnergyReading, parseMicro, readEnergy } from "../../../../src/vm/capability/energy-sources.ts";
import { scratchFolders } from "../../scratch.ts";

const scratch = scratchFolders();
function sysWith(files: Record<string, string>): string {
  const sys = scratch();
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(sys, path)), { recursive: true });
    writeFileSync(join(sys, path), `${text}\n`);
  }
  return sys;
}
const RAPL = "class/powercap/intel-rapl:0";
const RAPL_FILES = {
  [`${RAPL}/name`]: "package-0",
  [`${RAPL}/energy_uj`]: "10500000",
  [`${RAPL}/max_energy_range_uj`]: "262143328850",
  "class/powercap/intel-rapl:0:0/name": "core",
  "class/powercap/intel-rapl:0:0/energy_uj": "1",
  "class/powercap/intel-rapl:0:2/name": "dram",
  "class/powercap/intel-rapl:0:2/energy_uj": "7",
  "class/powercap/intel-rapl:1/name": "psys",
  "class/powercap/intel-rapl:1/energy_uj": "9",
  "class/powercap/intel-rapl/name": "control",
};
const BATTERY = {
  "class/power_supply/BAT0/type": "Battery",
  "class/power_supply/BAT0/status": "Discharging",
  "class/power_supply/BAT0/current_now": "-1500000",
  "class/power_supply/BAT0/voltage_now": "12000000",
};

describe("where a box's energy is measured", () => {
  test("is nowhere on most boards", () => {
    expect(readEnergy(scratch())).toBeUndefined();
  });

  test("is RAPL before all else: packages and memory, and not what is counted with them", () => {
    expect(readEnergy(sysWith({ ...RAPL_FILES, ...BATTERY }))).toEqual({
      kind: "rapl",
      sources: [
        {
          kind: "counter",
          name: "intel-rapl:0 package-0",
          microjoules: 10_500_000,
          rangeMicrojoules: 262_143_328_850,
        },
        { kind: "counter", name: "intel-rapl:0:2 dram", microjoules: 7, rangeMicrojoules: undefined },
      ],
    });
  });

  test("is a chip that counts before one that says what is drawn, each channel once", () => {
    const powers = {
      "class/hwmon/hwmon0/power1_input": "4500000",
      "class/hwmon/hwmon0/power1_average": "4400000",
      "class/hwmon/hwmon0/power2_input": "100",
    };
    expect(readEnergy(sysWith({ ...powers, "class/hwmon/hwmon1/energy1_input": "12" }))?.kind).toBe(
      "hwmon-energy",
    );
    const reading = readEnergy(sysWith(powers));
    expect(reading?.kind).toBe("hwmon-power");
    expect(reading?.sources).toHaveLength(2);
  });

  test("is a battery that is being emptied, and not one that is charged", () => {
    expect(readEnergy(sysWith(BATTERY))).toEqual({
      kind: "battery",
      sources: [{ kind: "power", name: "BAT0", microwatts: 18_000_000 }],
    });
    expect(
      readEnergy(sysWith({ ...BATTERY, "class/power_supply/BAT0/power_now": "17000000" }))?.sources,
    ).toEqual([{ kind: "power", name: "BAT0", microwatts: 17_000_000 }]);
    expect(readEnergy(sysWith({ ...BATTERY, "class/power_supply/BAT0/status": "Charging" }))).toBeUndefined();
    expect(readEnergy(sysWith({ ...BATTERY, "class/power_supply/BAT0/scope": "Device" }))).toBeUndefined();
  });

  test("takes no nonsense for a figure", () => {
    expect(readEnergy(sysWith({ "class/hwmon/hwmon0/power1_input": "-3" }))).toBeUndefined();
    expect(readEnergy(sysWith({ "class/hwmon/hwmon0/power1_input": "99999999999999" }))).toBeUndefined();
    fc.assert(
      fc.property(fc.string(), (text) => {
        const value = parseMicro(text);
        expect(value === undefined || (Number.isSafeInteger(value) && value >= 0)).toBe(true);
      }),
    );
  });
});

const counter = (microjoules: number, range: number | "unknown" = 1_000_000_000): EnergyReading => ({
  kind: "rapl",
  sources: [
    { kind: "counter", name: "a", microjoules, rangeMicrojoules: range === "unknown" ? undefined : range },
  ],
});
const power = (microwatts: number): EnergyReading => ({
  kind: "battery",
  sources: [{ kind: "power", name: "BAT0", microwatts }],
});

describe("what a box drew between two readings", () => {
  test("is the difference of a counter, also when it began anew", () => {
    expect(joulesBetween(counter(1_000_000), counter(3_500_000), 1_000)).toBe(2.5);
    expect(joulesBetween(counter(999_000_000), counter(1_000_000), 1_000)).toBe(2);
  });

  test("is the same however a counter of any range stood at first", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** 40 }), fc.nat(), fc.nat(), (range, start, drawn) => {
        const [before, used] = [start % range, drawn % range];
        const after = (before + used) % range;
        expect(joulesBetween(counter(before, range), counter(after, range), 1)).toBe(used / 1_000_000);
      }),
    );
  });

  test("is what was drawn on average, for as long as it was", () => {
    expect(joulesBetween(power(4_000_000), power(6_000_000), 2_000)).toBe(10);
  });

  test.each([
    ["without one of them", undefined, counter(1), 1],
    ["without time", counter(1), counter(2), 0],
    ["when it is measured by something else now", counter(1), power(1), 1],
    ["when a counter of unknown range began anew", counter(9, "unknown"), counter(1, "unknown"), 1],
    ["when another source has come", counter(1), { ...counter(2), sources: [] }, 1],
  ])("cannot be told %s", (_, before, after, elapsedMs) => {
    expect(joulesBetween(before, after, elapsedMs)).toBeUndefined();
  });
});

describe("a lease's energy", () => {
  const at = (atMs: number, energy: EnergyReading | undefined, leases: Record<string, number>) => ({
    atMs,
    energy,
    leases: new Map(Object.entries(leases)),
  });

  test("is its share by the time that it had of all processors", () => {
    const ledger = new EnergyLedger(2);
    ledger.note(at(0, counter(0), { a: 500_000 }));
    // Half of one of two processors for a second: a quarter of 8 J; the other was there for a tenth of one.
    ledger.note(at(1_000, counter(8_000_000), { a: 1_000_000, b: 200_000 }));
    expect(ledger.of("a")).toEqual({ joules: 2, measuredMs: 1_000 });
    expect(ledger.of("b")?.joules).toBeCloseTo(0.8);
    ledger.note(at(2_000, counter(16_000_000), { a: 1_000_000 }));
    expect(ledger.of("a")).toEqual({ joules: 2, measuredMs: 2_000 });
    ledger.forget("a");
    expect(ledger.of("a")).toBeUndefined();
  });

  test("is not told where nothing measures it", () => {
    const ledger = new EnergyLedger(2);
    ledger.note(at(0, undefined, { a: 0 }));
    ledger.note(at(1_000, undefined, { a: 1_000_000 }));
    expect(ledger.of("a")).toBeUndefined();
  });

  test("of all leases together is never more than the box drew", () => {
    const step = fc.record({
      ms: fc.integer({ min: 1, max: 5_000 }),
      joules: fc.nat(50),
      shares: fc.tuple(fc.nat(100), fc.nat(100)),
    });
    fc.assert(
      fc.property(fc.array(step), (steps) => {
        const ledger = new EnergyLedger(2);
        let [atMs, drawn, a, b] = [0, 0, 0, 0];
        ledger.note(at(0, counter(0, 2 ** 50), { a, b }));
        for (const { ms, joules, shares } of steps) {
          atMs += ms;
          drawn += joules;
          a += (ms * 1_000 * shares[0]) / 100;
          b += (ms * 1_000 * shares[1]) / 100;
          ledger.note(at(atMs, counter(drawn * 1_000_000, 2 ** 50), { a, b }));
        }
        const sum = (ledger.of("a")?.joules ?? 0) + (ledger.of("b")?.joules ?? 0);
        expect(sum).toBeLessThanOrEqual(drawn + 1e-6);
      }),
    );
  });
});
