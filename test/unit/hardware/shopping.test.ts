import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { highestSettingDbm, quarterWaveMm, runTimeHours } from "../../../hardware/lora-case/radio-sums.ts";
import {
  bandsSchema,
  boardsSchema,
  readBands,
  readBoards,
} from "../../../hardware/lora-case/shopping-data.ts";
import { README, tables, withTables } from "../../../hardware/lora-case/tables.ts";
import { drawing, drawingPath } from "../../../hardware/lora-case/wiring/drawing.ts";
import { PI_HEADER, piPinName } from "../../../hardware/lora-case/wiring/pi-header.ts";
import { readWirings } from "../../../hardware/lora-case/wiring/wiring-data.ts";

const FOLDER = join(import.meta.dir, "../../../hardware/lora-case");

/** What the box ranks serial adapters by. */
const KNOWN_USB_IDS = [
  "10c4:ea60", // CP2102
  "1a86:55d4", // CH9102
  "1a86:7523", // CH340
  "303a:1001", // ESP32-S3
  "239a:0029", // nRF52840, four of Adafruit's and Heltec's
  "239a:8029",
  "239a:002a",
  "239a:802a",
  "239a:4405",
  "2886:0059", // Seeed
  "2886:1667",
];
/** From Meshtastic's board files, beside those above: the XIAO nRF52840 kit, the Wio Tracker L1, the T1000-E. */
const SEEED_BOARD_FILES = ["2886:0166", "2886:1668", "2886:0057"];

describe("the list of boards", () => {
  const boards = readBoards();

  test("every USB id is one that the box knows, and every one that it knows is on a board", () => {
    const listed = new Set(boards.flatMap((board) => board.usb.ids));
    expect([...listed].sort()).toEqual([...KNOWN_USB_IDS, ...SEEED_BOARD_FILES].sort());
  });

  test("the chip between USB and the processor is the one of the ids", () => {
    const chips: Record<string, RegExp> = {
      "10c4:ea60": /CP2102|any USB adapter/,
      "1a86:55d4": /CH9102|any USB adapter/,
      "1a86:7523": /CH340|any USB adapter/,
      "303a:1001": /ESP32-S3/,
    };
    for (const { id, usb, processor } of boards) {
      for (const usbId of usb.ids) {
        const chip = chips[usbId] ?? /nRF52840|ESP32-S3/;
        expect(`${usb.bridge} ${processor}`, `${id} ${usbId}`).toMatch(chip);
      }
    }
  });

  test("each protocol has a board for 433, 868 and 915 MHz", () => {
    for (const firmware of ["meshtastic", "meshcore", "rnode", "at-reyax", "at-ebyte"] as const) {
      for (const version of ["433", "868", "915"] as const) {
        const found = boards.filter(
          (board) => board.firmware.includes(firmware) && board.bands.includes(version),
        );
        expect(found.length, `${firmware} ${version}`).toBeGreaterThan(0);
      }
    }
  });

  test("only the SPI board lacks a serial protocol, and says so", () => {
    const serial = new Set(["meshtastic", "meshcore", "rnode", "at-reyax", "at-ebyte"]);
    const without = boards.filter((board) => !board.firmware.some((name) => serial.has(name)));
    expect(without.map((board) => board.kind)).toEqual(["spi-hat"]);
    expect(without[0]?.notes).toContain("the box does not drive it");
  });

  test("a wrong entry is refused with its field named", () => {
    const [first] = boards;
    const refusal = (change: object) => {
      const result = boardsSchema.safeParse([{ ...first, ...change }]);
      return result.success ? "accepted" : result.error.issues.map((issue) => issue.path.join(".")).join(" ");
    };
    expect(refusal({})).toBe("accepted");
    expect(refusal({ usb: { bridge: "CP2102", ids: ["10C4:EA60"] } })).toBe("0.usb.ids.0");
    expect(refusal({ firmware: ["zigbee"] })).toBe("0.firmware.0");
    expect(refusal({ bands: [] })).toBe("0.bands");
    expect(refusal({ price: 20 })).toBe("0.price");
    expect(boardsSchema.safeParse([first, first]).success).toBe(false);
  });
});

describe("the list of bands", () => {
  const bands = readBands();

  test("its European sub-bands, their shares and powers are those of ERC 70-03", () => {
    const european = bands.filter((band) => band.id.startsWith("EU868"));
    expect(european.map((band) => [band.fromMHz, band.toMHz, band.limit.dbm, band.rule])).toEqual([
      [863, 865, 14, "0.1 % of each hour"],
      [865, 868, 14, "1 % of each hour"],
      [868, 868.6, 14, "1 % of each hour"],
      [868.7, 869.2, 14, "0.1 % of each hour"],
      [869.4, 869.65, 27, "10 % of each hour"],
      [869.7, 870, 14, "1 % of each hour"],
    ]);
  });

  test("the version to buy covers the band, and some board is sold in it", () => {
    const span = { "433": [430, 440], "470": [470, 510], "868": [862, 870], "915": [900, 930] } as const;
    for (const band of bands) {
      const [from, to] = span[band.version];
      expect(band.fromMHz, band.id).toBeGreaterThanOrEqual(from);
      expect(band.toMHz, band.id).toBeLessThanOrEqual(to);
      expect(readBoards().some((board) => board.bands.includes(band.version))).toBe(true);
    }
  });

  test("a limit at the connector says up to which antenna, and only that", () => {
    const [first] = bands;
    const limit = (value: object) => bandsSchema.safeParse([{ ...first, limit: value }]).success;
    expect(limit({ dbm: 14, measure: "erp" })).toBe(true);
    expect(limit({ dbm: 14, measure: "erp", freeGainDbi: 6 })).toBe(false);
    expect(limit({ dbm: 30, measure: "conducted" })).toBe(false);
    expect(limit({ dbm: 30, measure: "conducted", freeGainDbi: 6 })).toBe(true);
  });
});

describe("the sums", () => {
  test("a quarter wave at 868.3 MHz in plastic is 82 mm", () => {
    expect(quarterWaveMm({ fromMHz: 868, toMHz: 868.6 })).toBeCloseTo((299.792458 / 868.3 / 4) * 950, 6);
    expect(Math.round(quarterWaveMm({ fromMHz: 868, toMHz: 868.6 }))).toBe(82);
  });

  test("gain is taken off the setting: 5 dBi leave 24 of 27 dBm ERP, and 30 of 30 at the connector in the US", () => {
    expect(highestSettingDbm({ dbm: 27, measure: "erp" }, 5)).toBeCloseTo(24.15, 6);
    expect(highestSettingDbm({ dbm: 30, measure: "eirp" }, 5)).toBe(25);
    expect(highestSettingDbm({ dbm: 30, measure: "conducted", freeGainDbi: 6 }, 5)).toBe(30);
    expect(highestSettingDbm({ dbm: 30, measure: "conducted", freeGainDbi: 6 }, 9)).toBe(27);
  });

  test("a battery lasts four fifths of its charge by the average current", () => {
    const power = { listeningMa: 10, transmittingMa: 110, source: "-" };
    expect(runTimeHours(power, 1_000, 0)).toBe(80);
    expect(runTimeHours(power, 1_000, 0.1)).toBeCloseTo(40, 9);
  });
});

describe("the page", () => {
  const page = readFileSync(README, "utf8");

  test("its tables are those of the data", () => {
    expect(page === withTables(page) || "run: bun hardware/lora-case/tables.ts").toBe(true);
  });

  test("a table without a place, and a place without a table, are found", () => {
    expect(() => withTables(page.replace("<!-- table: bands -->", ""))).toThrow(
      "no place for the table bands",
    );
    expect(() => withTables(page.replace("table: bands", "table: bonds"))).toThrow("no table bonds");
    expect(tables().boards?.split("\n").length).toBe(readBoards().length + 2);
  });

  test("every picture and file that it links to is there, every picture that is there is shown, none is large", () => {
    const links = [...page.matchAll(/\]\((?!https?:|#)([^)]+)\)/g)].map(([, path]) => path ?? "");
    for (const path of links) expect(() => statSync(join(FOLDER, path)), path).not.toThrow();
    for (const name of readdirSync(join(FOLDER, "pictures"))) {
      expect(links).toContain(`pictures/${name}`);
      expect(statSync(join(FOLDER, "pictures", name)).size).toBeLessThan(100_000);
    }
  });
});

describe("the wirings", () => {
  test("every drawing is that of its data", () => {
    for (const wiring of readWirings()) {
      const is = readFileSync(drawingPath(wiring), "utf8");
      expect(is === drawing(wiring) || "run: bun hardware/lora-case/wiring/drawing.ts").toBe(true);
    }
  });

  test("supply goes to supply, ground to ground, sender to receiver, and no pin of the Pi is used twice", () => {
    for (const { id, pins } of readWirings()) {
      const used = pins.flatMap(({ pi }) => pi ?? []);
      expect(new Set(used).size, id).toBe(used.length);
      const of = (name: string) => {
        const pi = pins.find((pin) => pin.name === name)?.pi;
        return pi === undefined || pi === null ? "open" : piPinName(pi);
      };
      expect(of("GND")).toBe("GND");
      if (id === "sx1262-spi") {
        expect([of("MOSI"), of("MISO"), of("SCK")]).toEqual([
          "GPIO10 (MOSI)",
          "GPIO9 (MISO)",
          "GPIO11 (SCLK)",
        ]);
        // The numbers of Meshtastic's own configuration for this board.
        const pinsOfMeshtastic = ["GPIO21", "GPIO16", "GPIO20", "GPIO18", "GPIO6"];
        expect(["CS", "DIO1", "BUSY", "RESET", "ANT_SW"].map(of)).toEqual(pinsOfMeshtastic);
      } else {
        expect([of("RXD"), of("TXD")]).toEqual(["GPIO14 (TXD)", "GPIO15 (RXD)"]);
      }
    }
    const supply = Object.fromEntries(
      readWirings().map(({ id, pins }) => [id, pins.find(({ name }) => /^(VDD|VCC|3V3)$/.test(name))?.pi]),
    );
    // 5 V would destroy the RYLR998 and the SX1262.
    expect(piPinName(supply.rylr998 ?? 0)).toBe("3.3 V");
    expect(piPinName(supply["sx1262-spi"] ?? 0)).toBe("3.3 V");
    expect(piPinName(supply.e22 ?? 0)).toBe("5 V");
  });

  test("the header has 40 pins, 8 of them ground", () => {
    expect(PI_HEADER.length).toBe(40);
    expect(PI_HEADER.filter((name) => name === "GND").length).toBe(8);
    expect(() => piPinName(41)).toThrow(RangeError);
  });
});
