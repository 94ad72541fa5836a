import { describe, expect, test } from "bun:test";
import { rank } from "../../../../src/lora/discovery/rank.ts";
import { USB_ADAPTERS, usbAdapter } from "../../../../src/lora/discovery/usb-ids.ts";
import { FIRMWARE_NAMES } from "../../../../src/lora/drivers.ts";
import { line, usb } from "./lines.ts";

const paths = (...devices: Parameters<typeof rank>[0]) => rank(devices).map(({ device }) => device.path);
const firmware = (...devices: Parameters<typeof rank>[0]) => rank(devices)[0]?.firmware ?? [];

describe("serial lines are looked at", () => {
  test("boards first, then chips, bridges, and the board's own pins", () => {
    expect(
      paths(
        line("/dev/ttyAMA0"),
        usb("/dev/ttyUSB0", "10c4:ea60", { product: "CP2102 USB to UART Bridge Controller" }),
        usb("/dev/ttyACM1", "303a:1001", { product: "USB JTAG/serial debug unit" }),
        usb("/dev/ttyACM0", "239a:8029"),
        usb("/dev/ttyUSB1", "10c4:ea60", { product: "Heltec LoRa board" }),
      ),
    ).toEqual(["/dev/ttyUSB1", "/dev/ttyACM0", "/dev/ttyACM1", "/dev/ttyUSB0", "/dev/ttyAMA0"]);
  });

  test("by path where nothing else speaks for one, whatever order they are listed in", () => {
    const [two, ten] = [usb("/dev/ttyUSB2", "10c4:ea60"), usb("/dev/ttyUSB10", "10c4:ea60")];
    expect(paths(ten, two)).toEqual(["/dev/ttyUSB2", "/dev/ttyUSB10"]);
    expect(paths(two, ten)).toEqual(["/dev/ttyUSB2", "/dev/ttyUSB10"]);
  });

  test("with an id that nobody knows when their maker's words tell", () => {
    expect(paths(usb("/dev/ttyACM0", "ffff:0001", { product: "Meshtastic node" }))).toEqual(["/dev/ttyACM0"]);
  });

  test.each([
    ["Sonoff Zigbee 3.0 USB Dongle Plus", "10c4:ea60"],
    ["SONOFF Dongle Plus MG24", "10c4:ea60"],
    ["SLZB-06", "10c4:ea60"],
    ["SMLIGHT adapter", "1a86:7523"],
    ["slae.sh cc2652rb stick", "10c4:ea60"],
    ["TI CC2531 USB CDC", "303a:1001"],
    ["HubZ Smart Home Controller", "10c4:ea60"],
    ["Aeotec Z-Stick 7", "10c4:ea60"],
    ["Original Prusa MK4", "303a:1001"],
    ["ConBee II", "1cf1:0030"],
    ["u-blox GNSS receiver", "1546:01a8"],
    ["Zooz ZST39 Z-Wave", "10c4:ea60"],
    ["Quectel EC25 LTE modem", "2c7c:0125"],
  ])("but not %s, which a probe might disturb", (product, id) => {
    expect(paths(usb("/dev/ttyUSB0", id, { product }))).toEqual([]);
  });

  test.each([
    ["a Z-Wave stick without words", "0658:0200", {}],
    ["HubZ", "10c4:8a2a", { product: "Smart Home Controller" }],
    ["a printer", "2c99:0002", { manufacturer: "Research (www.example.com)" }],
    ["a PL2303", "067b:2303", { product: "USB-Serial Controller", driver: "pl2303" }],
    ["a modem that is a cdc_acm", "12d1:1001", { driver: "cdc_acm" }],
  ])("and not %s, whose id is none of a LoRa board", (_, id, more) => {
    expect(paths(usb("/dev/ttyUSB0", id, more))).toEqual([]);
  });

  test.each(["option", "option1", "qcserial"])(
    "and not a mobile modem with the kernel driver %s",
    (driver) => {
      expect(paths(usb("/dev/ttyUSB0", "10c4:ea60", { driver }))).toEqual([]);
    },
  );

  test("and no line of the board that is listed with its driver, which may be its console", () => {
    expect(paths(line("/dev/ttyAMA0", { driver: "uart-pl011" }))).toEqual([]);
  });
});

describe("what an operator names", () => {
  const named = new Set(["/dev/named"]);

  test.each([
    ["an adapter that nobody knows", usb("/dev/named", "067b:2303", { driver: "pl2303" })],
    ["one that looks foreign", usb("/dev/named", "10c4:ea60", { product: "Zigbee", driver: "option1" })],
    ["a line of the board", line("/dev/named", { driver: "uart-pl011" })],
    ["a line of which no more is known", line("/dev/named")],
  ])("is looked at before all else, for every firmware: %s", (_, device) => {
    const ranked = rank([usb("/dev/ttyACM0", "239a:8029", { product: "Meshtastic" }), device], named);
    expect(ranked.map((one) => one.device.path)).toEqual(["/dev/named", "/dev/ttyACM0"]);
    expect(ranked[0]?.firmware.toSorted()).toEqual(FIRMWARE_NAMES.toSorted());
  });

  test("need not be said where nothing but the path is known", () => {
    expect(firmware(line("/dev/ttyAMA0")).toSorted()).toEqual(FIRMWARE_NAMES.toSorted());
  });
});

describe("what to probe for", () => {
  test.each(USB_ADAPTERS.map(({ id, firmware: known }) => [id, known] as const))(
    "is with id %s what may run behind it, without what a transparent module would send on the air",
    (id, known) => {
      const order = firmware(usb("/dev/ttyUSB0", id));
      expect(order).toEqual(known.filter((one) => one !== "e22"));
      expect(order.length).toBeGreaterThan(0);
    },
  );

  test("ends with AT commands behind a bridge that may be anything's, as those are lines", () => {
    for (const { id } of USB_ADAPTERS.filter(({ kind }) => kind === "bridge"))
      expect(firmware(usb("/dev/ttyUSB0", id)).indexOf("rylr998")).toBe(
        firmware(usb("/dev/ttyUSB0", id)).length - 1,
      );
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
