import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { defaultConfig } from "../../../../src/config/index.ts";
import { parseInventory } from "../../../../src/wifi/inventory/index.ts";
import { planRadios, planText } from "../../../../src/wifi/plan/index.ts";

const BOARDS = resolve(import.meta.dir, "../../../../hardware/boards");
const GOLDEN = join(import.meta.dir, "golden");

/** Each board and adapter alone, and what people put together. */
const SETS = [
  ...readdirSync(BOARDS).map((file) => [file.replace(".json", "")]),
  ["raspberry-pi-4b", "alfa-awus036acm"],
  ["raspberry-pi-4b", "panda-pau09"],
  ["raspberry-pi-4b", "ar9271", "alfa-awus036acm"],
  ["raspberry-pi-zero-2-w", "rt5370"],
  ["raspberry-pi-4b", "panda-pau09", "comfast-cf-951ax"],
  ["intel-ax210", "mt7601u"],
];

function plan(names: readonly string[]): string {
  const recorded = names.map((name) =>
    parseInventory(readFileSync(join(BOARDS, `${name}.json`), "utf8"), name),
  );
  const radios = recorded.flatMap((one) => one.radios).map((radio, n) => ({ ...radio, phy: `phy${n}` }));
  const config = {
    ...defaultConfig().wifi,
    ssid: "Omerta Box",
    uplinks: [{ ssid: "Library", password: "", password_file: "" }],
  };
  const heard = [
    { ssid: "Library", bssid: "", frequencyMhz: 2_462, signalDbm: -60, beaconIntervalTu: 100 },
    { ssid: "Neighbour", bssid: "", frequencyMhz: 2_412, signalDbm: -50, beaconIntervalTu: 100 },
  ];
  return planText(planRadios({ country: recorded[0]?.country ?? "00", radios }, config, heard));
}

describe("the plan of recorded boards, with an uplink in reach", () => {
  test.each(SETS.map((names) => [names.join(" and "), names] as const))(
    "for %s is the one that was read and found right",
    (_, names) => {
      const file = join(GOLDEN, `${names.join("+")}.txt`);
      const text = plan(names);
      // To renew them: delete the file, run, and read what is new.
      if (!existsSync(file) && process.env.OMERTA_WRITE_GOLDEN === "1") writeFileSync(file, text);
      expect(text).toBe(readFileSync(file, "utf8"));
    },
  );

  test("has no file that belongs to none", () => {
    expect(readdirSync(GOLDEN).sort()).toEqual(SETS.map((names) => `${names.join("+")}.txt`).sort());
  });
});
