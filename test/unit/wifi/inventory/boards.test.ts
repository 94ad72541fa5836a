import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { InventoryError, knownRadio, parseInventory, QUIRKS } from "../../../../src/wifi/inventory/index.ts";

const BOARDS = resolve(import.meta.dir, "../../../../hardware/boards");
const files = readdirSync(BOARDS).filter((file) => file.endsWith(".json"));
const board = (name: string) => parseInventory(readFileSync(join(BOARDS, `${name}.json`), "utf8"), name);

describe("a recorded board", () => {
  test.each(files)("%s has a name, a source and one radio", (file) => {
    const { name, source, recorded, radios } = board(file.replace(".json", ""));
    expect(name).not.toBe("");
    expect(recorded).not.toBe("");
    for (const address of source) expect(address).toStartWith("https://");
    expect(source.length).toBeGreaterThan(0);
    expect(radios).toHaveLength(1);
    // Nobody's own hardware is told.
    expect(radios[0]?.macAddress).toBe("");
  });

  test("that is damaged is refused with the field named", () => {
    const good = readFileSync(join(BOARDS, "ar9271.json"), "utf8");
    expect(() => parseInventory(good.replace('"number": 1,', '"number": "one",'), "x.json")).toThrow(
      /^x.json: radios.0.channels.0.number: /,
    );
    expect(() => parseInventory(good.slice(0, 500), "x.json")).toThrow(InventoryError);
    expect(() => parseInventory(" ".repeat(1_100_000), "x.json")).toThrow(/more than 1024 KiB/);
  });
});

describe("what is known of a driver", () => {
  test("stands in the place of what it says of itself", () => {
    const [pi] = board("raspberry-pi-4b").radios;
    const [ath] = board("ar9271").radios;
    const [acm] = board("alfa-awus036acm").radios;
    if (!pi || !ath || !acm) throw new Error("no radio");
    expect(knownRadio(pi)).toMatchObject({ maxStations: 7, apIsolation: false });
    expect(knownRadio({ ...pi, apIsolation: true }).apIsolation).toBe(false);
    expect(knownRadio({ ...pi, firmware: "01-8e379eb9" }).maxStations).toBe(19);
    expect(knownRadio({ ...ath, maxStations: 3 }).maxStations).toBe(3);
    expect(knownRadio(ath).maxStations).toBe(7);
    expect(knownRadio(acm)).toMatchObject({ maxStations: undefined, apIsolation: true, lastResort: false });
    expect(knownRadio({ ...acm, driver: "88XXau" }).lastResort).toBe(true);
  });

  test("has a source each", () => {
    for (const { source, words } of QUIRKS) {
      expect(source).toStartWith("https://");
      expect(words).not.toBe("");
    }
  });
});
