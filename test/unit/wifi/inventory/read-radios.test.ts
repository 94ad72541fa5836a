import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { InventoryError, readRadios } from "../../../../src/wifi/inventory/index.ts";
import { parseIwChannels } from "../../../../src/wifi/inventory/iw-channels.ts";
import { parseIwDev } from "../../../../src/wifi/inventory/iw-dev.ts";
import { parseIwPhy } from "../../../../src/wifi/inventory/iw-phy.ts";
import { parseIwReg } from "../../../../src/wifi/inventory/iw-reg.ts";
import { IW_CHANNELS, IW_DEV, IW_PHY, IW_REG } from "./iw-text.ts";

const SOURCES = {
  iwPhy: IW_PHY,
  iwReg: IW_REG,
  iwDev: IW_DEV,
  channels: {},
  devices: {
    "mesh-radio": {
      path: "platform/usb/1-1.2:1.0",
      driver: "mt76x2u",
      firmware: "",
      bus: "usb",
      usbId: "0e8d:7612",
      macAddress: "00:c0:ca:00:00:01",
    },
  },
} as const;

const inventory = readRadios(SOURCES);
const usb = inventory.radios.find(({ phy }) => phy === "mesh-radio");
const onboard = inventory.radios.find(({ phy }) => phy === "phy0");

describe("the inventory of a machine's radios", () => {
  test("has the country of the machine, not that of a chip which sets its own", () => {
    expect(inventory.country).toBe("DE");
    expect(readRadios({ ...SOURCES, iwReg: "" }).country).toBe("00");
  });

  test("keeps the device of a phy that was renamed, and its interfaces by the phy's number", () => {
    expect(usb).toMatchObject({ driver: "mt76x2u", usbId: "0e8d:7612", bus: "usb" });
    expect(usb?.interfaces).toEqual([{ name: "mesh0", type: "mesh point" }]);
    expect(onboard?.interfaces).toEqual([{ name: "wlan0", type: "managed" }]);
  });

  test("comes in the order of the device paths, whatever numbers the kernel gave", () => {
    const paths = { "mesh-radio": "b", phy0: "a" };
    const devices = Object.fromEntries(
      Object.entries(paths).map(([phy, path]) => [phy, { ...SOURCES.devices["mesh-radio"], path }]),
    );
    expect(readRadios({ ...SOURCES, devices }).radios.map(({ phy }) => phy)).toEqual(["phy0", "mesh-radio"]);
  });

  test("tells which channels may be used, and how", () => {
    const at = (frequencyMhz: number) => usb?.channels.find((one) => one.frequencyMhz === frequencyMhz);
    expect(at(2_467)).toMatchObject({
      number: 12,
      maxPowerDbm: 13.5,
      noIr: true,
      dfs: false,
      disabled: false,
    });
    expect(at(2_484)).toMatchObject({ disabled: true, widthsMhz: [] });
    expect(at(5_260)).toMatchObject({ band: "5GHz", noIr: true, dfs: true });
    expect(usb?.channels).toHaveLength(9);
  });

  test("derives widths where iw tells none: a block is there when all its channels are", () => {
    const at = (frequencyMhz: number) => usb?.channels.find((one) => one.frequencyMhz === frequencyMhz);
    expect(at(2_412)).toMatchObject({ widthsMhz: [20, 40], ht40: ["+"] });
    expect(at(5_180)).toMatchObject({ widthsMhz: [20, 40, 80], ht40: ["+"] });
    expect(at(5_240)).toMatchObject({ widthsMhz: [20, 40, 80], ht40: ["-"] });
    expect(at(5_260)).toMatchObject({ widthsMhz: [20], ht40: [] });
    expect(onboard?.channels[0]).toMatchObject({ widthsMhz: [20], ht40: [] });
  });

  test("takes the widths from iw where it tells them", () => {
    const told = readRadios({ ...SOURCES, channels: { "mesh-radio": IW_CHANNELS } }).radios;
    const channels = told.find(({ phy }) => phy === "mesh-radio")?.channels;
    expect(channels?.find(({ number }) => number === 5)?.ht40).toEqual(["+", "-"]);
    expect(channels?.find(({ number }) => number === 36)?.widthsMhz).toEqual([20, 40, 80, 160]);
    expect(channels?.find(({ number }) => number === 14)?.widthsMhz).toEqual([]);
  });

  test("has each band's own capabilities in hostapd's words", () => {
    expect(usb?.bands).toEqual([
      {
        band: "2.4GHz",
        ht: true,
        vht: false,
        he: false,
        htCapabilities: [
          "[LDPC]",
          "[HT40+]",
          "[HT40-]",
          "[GF]",
          "[SHORT-GI-20]",
          "[SHORT-GI-40]",
          "[TX-STBC]",
          "[RX-STBC1]",
        ],
        vhtCapabilities: [],
      },
      {
        band: "5GHz",
        ht: true,
        vht: true,
        he: true,
        htCapabilities: expect.any(Array),
        // As their maintainer writes them for the ALFA AWUS036ACM (morrownr/USB-WiFi, home/iw_list).
        vhtCapabilities: [
          "[RXLDPC]",
          "[SHORT-GI-80]",
          "[TX-STBC-2BY1]",
          "[RX-STBC-1]",
          "[MAX-A-MPDU-LEN-EXP3]",
          "[RX-ANTENNA-PATTERN]",
          "[TX-ANTENNA-PATTERN]",
        ],
      },
    ]);
  });

  test("knows combinations that are wrapped over lines, and a phy that has none", () => {
    expect(usb?.combinations).toEqual([
      {
        limits: [
          { types: ["IBSS"], max: 1 },
          { types: ["managed", "AP", "mesh point", "P2P-client", "P2P-GO"], max: 2 },
        ],
        total: 2,
        channels: 1,
        sameBeaconInterval: true,
      },
      { limits: [{ types: ["AP"], max: 4 }], total: 4, channels: 1, sameBeaconInterval: false },
    ]);
    expect(onboard?.combinations).toEqual([]);
  });

  test("tells a radio that hostapd drives from one whose firmware does it by itself", () => {
    expect(usb).toMatchObject({
      sae: true,
      pmf: true,
      meshPoint: true,
      apByHostapd: true,
      apIsolation: true,
      maxStations: 32,
    });
    expect(onboard).toMatchObject({
      sae: false,
      pmf: false,
      meshPoint: false,
      apByHostapd: false,
      apIsolation: false,
      maxStations: undefined,
    });
  });

  test("reads the rules of a country", () => {
    expect(parseIwReg(IW_REG)).toMatchObject([
      {
        phyIndex: undefined,
        country: "DE",
        rules: [
          { fromMhz: 2_400, toMhz: 2_483, widthMhz: 40, maxPowerDbm: 20, flags: [] },
          { flags: ["NO-OUTDOOR", "DFS", "AUTO-BW"] },
        ],
      },
      { phyIndex: 3, selfManaged: true, country: "US", rules: [{ maxPowerDbm: 22 }] },
    ]);
  });
});

/** Text that is nearly iw's: its lines in any order, cut, doubled and with noise between. */
const nearlyIw = fc
  .array(
    fc.oneof(
      fc.constantFrom(...`${IW_PHY}${IW_REG}${IW_DEV}${IW_CHANNELS}`.split("\n")),
      fc
        .tuple(fc.constantFrom(...IW_PHY.split("\n")), fc.nat(60), fc.string({ maxLength: 20 }))
        .map(([line, at, noise]) => line.slice(0, at) + noise + line.slice(at)),
      fc.string({ maxLength: 200, unit: "binary" }),
    ),
    { maxLength: 120 },
  )
  .map((lines) => lines.join("\n"));

describe("text that iw never printed", () => {
  test("gives an inventory all the same, with nothing in it that a channel or a phy cannot be", () => {
    fc.assert(
      fc.property(nearlyIw, nearlyIw, nearlyIw, nearlyIw, (iwPhy, iwReg, iwDev, channels) => {
        const names = parseIwPhy(iwPhy).map(({ phy }) => phy);
        const texts = Object.fromEntries(names.map((name) => [name, channels]));
        const { country, radios } = readRadios({ iwPhy, iwReg, iwDev, channels: texts, devices: {} });
        expect(country).toMatch(/^[A-Z0-9]{2}$/);
        expect(radios.length).toBeLessThanOrEqual(64);
        for (const radio of radios) {
          expect(radio.channels.length).toBeLessThanOrEqual(512);
          for (const { number, frequencyMhz, maxPowerDbm, disabled, widthsMhz } of radio.channels) {
            expect(number).toBeLessThanOrEqual(253);
            expect(frequencyMhz).toBeWithin(2_400, 7_126);
            expect(maxPowerDbm).toBeWithin(0, 100);
            if (disabled) expect(widthsMhz).toEqual([]);
          }
        }
      }),
      { numRuns: 300 },
    );
  });

  test("is refused when it is larger than any machine's", () => {
    const huge = "Wiphy phy0\n".repeat(100_000);
    for (const parse of [parseIwPhy, parseIwReg, parseIwDev, parseIwChannels]) {
      expect(() => parse(huge)).toThrow(InventoryError);
    }
  });

  test("takes no time that grows faster than it does", () => {
    const long = `Wiphy phy0\n\tvalid interface combinations:\n${"\t\t * #{ AP".repeat(60_000)}`;
    const started = performance.now();
    parseIwPhy(long);
    parseIwPhy(`Wiphy phy0\n${"Band 1:\n* 2412 MHz [1] (20.0 dBm)\n".repeat(20_000)}`);
    expect(performance.now() - started).toBeLessThan(2_000);
  });
});
