import { describe, expect, test } from "bun:test";
import { rank } from "../../../../src/lora/discovery/rank.ts";
import { USB_ADAPTERS, usbAdapter } from "../../../../src/lora/discovery/usb-ids.ts";
import { FIRMWARE_NAMES } from "../../../../src/lora/drivers.ts";
import { line, usb } from "./lines.ts";

const paths = (...devices: Parameters<typeof rank>[0]) => rank(devices).map(({ device }) => device.path);
const firmware = (...devices: Parameters<typeof rank>[0]) => rank(devices)[0]?.firmware ?? [];

describe("serial lines are looked at", () => {
  test("boards first, then chips, bridges, the board's own pins, and what nobody knows", () => {
    expect(
      paths(
        usb("/dev/ttyUSB9", "ffff:0001"),
        line("/dev/ttyAMA0"),
        usb("/dev/ttyUSB0", "10c4:ea60", { product: "CP2102 USB to UART Bridge Controller" }),
        usb("/dev/ttyACM1", "303a:1001", { product: "USB JTAG/serial debug unit" }),
        usb("/dev/ttyACM0", "239a:8029"),
        usb("/dev/ttyUSB1", "10c4:ea60", { product: "Heltec LoRa board" }),
      ),
    ).toEqual([
      "/dev/ttyUSB1",
      "/dev/ttyACM0",
      "/dev/ttyACM1",
      "/dev/ttyUSB0",
      "/dev/ttyAMA0",
      "/dev/ttyUSB9",
    ]);
  });

  test("by path where nothing else speaks for one, whatever order they are listed in", () => {
    const [two, ten] = [usb("/dev/ttyUSB2", "10c4:ea60"), usb("/dev/ttyUSB10", "10c4:ea60")];
    expect(paths(ten, two)).toEqual(["/dev/ttyUSB2", "/dev/ttyUSB10"]);
    expect(paths(two, ten)).toEqual(["/dev/ttyUSB2", "/dev/ttyUSB10"]);
  });

  test.each([
    ["Sonoff Zigbee 3.0 USB Dongle Plus", "10c4:ea60"],
    ["ConBee II", "1cf1:0030"],
    ["u-blox GNSS receiver", "1546:01a8"],
    ["Zooz ZST39 Z-Wave", "10c4:ea60"],
    ["Quectel EC25 LTE modem", "2c7c:0125"],
  ])("but not %s, which a probe might disturb", (product, id) => {
    expect(paths(usb("/dev/ttyUSB0", id, { product }))).toEqual([]);
  });

  test("and not a mobile modem by its kernel driver", () => {
    expect(paths(usb("/dev/ttyUSB0", "ffff:0001", { driver: "option" }))).toEqual([]);
  });
});

describe("what to probe for", () => {
  test("is every firmware, the likeliest first", () => {
    for (const { id } of USB_ADAPTERS) {
      const order = firmware(usb("/dev/ttyUSB0", id));
      expect(order.toSorted()).toEqual(FIRMWARE_NAMES.toSorted());
      const known = usbAdapter(...(id.split(":") as [string, string]))?.firmware ?? [];
      expect(order.slice(0, known.length)).toEqual([...known]);
    }
  });

  test("begins with what the maker names", () => {
    expect(firmware(usb("/dev/ttyUSB0", "0403:6015", { product: "RNode" }))[0]).toBe("rnode");
    expect(firmware(usb("/dev/ttyUSB0", "1a86:7523", { product: "EBYTE E22-400T22U" }))[0]).toBe("e22");
    expect(firmware(usb("/dev/ttyACM0", "239a:8029", { product: "MeshCore" }))[0]).toBe("meshcore");
  });

  test("begins with modules on a board's own pins", () => {
    expect(firmware(line("/dev/ttyAMA0"))[0]).toBe("rylr998");
  });
});

describe("the table of USB ids", () => {
  test("has each id once, in lower case, with a source", () => {
    const ids = USB_ADAPTERS.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    for (const { id, source, firmware } of USB_ADAPTERS) {
      expect(id).toMatch(/^[0-9a-f]{4}:[0-9a-f]{4}$/);
      expect(source.length).toBeGreaterThan(10);
      expect(firmware.length).toBeGreaterThan(0);
    }
  });

  test("is found in whatever case", () => {
    expect(usbAdapter("10C4", "EA60")?.name).toBe("CP2102");
    expect(usbAdapter("10c4", "ea61")).toBeUndefined();
  });
});
