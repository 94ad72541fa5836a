import { describe, expect, test } from "bun:test";
import { adapterKey, adapterKeys } from "../../../../src/lora/discovery/adapter-key.ts";
import { line, usb } from "./lines.ts";

describe("an adapter's key", () => {
  test("is its serial number, at any USB port and under any name", () => {
    const more = { serialNumber: "34:85:18:AA:BB:CC" };
    const key = adapterKey(usb("/dev/ttyACM0", "303a:1001", { ...more, locationId: "1-1.2:1.0" }));
    expect(key).toBe("usb:303a:1001:34:85:18:AA:BB:CC");
    expect(adapterKey(usb("/dev/ttyACM7", "303a:1001", { ...more, locationId: "3-2:1.0" }))).toBe(key);
  });

  test.each([undefined, "0001", "0", "1", "0123456789ABCDEF", "FFFFFFFF"])(
    "is its USB port where the serial number is %p, which all have",
    (serialNumber) => {
      const at = (path: string, locationId: string) =>
        adapterKey(usb(path, "10c4:ea60", { serialNumber, locationId }));
      expect(at("/dev/ttyUSB0", "1-1.2:1.0")).toBe("usb:10c4:ea60@1-1.2:1.0");
      expect(at("/dev/ttyUSB3", "1-1.2:1.0")).toBe(at("/dev/ttyUSB0", "1-1.2:1.0"));
      expect(at("/dev/ttyUSB0", "1-1.3:1.0")).not.toBe(at("/dev/ttyUSB0", "1-1.2:1.0"));
    },
  );

  test("tells the lines of one adapter apart", () => {
    const at = (locationId: string) =>
      adapterKey(usb("/dev/ttyUSB0", "1a86:55d4", { serialNumber: "5A3B1", locationId }));
    expect(at("1-1:1.0")).not.toBe(at("1-1:1.2"));
  });

  test("is the line where there is no USB", () => {
    expect(adapterKey(line("/dev/ttyAMA0"))).toBe("line:/dev/ttyAMA0");
  });
});

describe("the keys of all adapters", () => {
  const first = usb("/dev/ttyUSB0", "1a86:55d4", { serialNumber: "TWIN", locationId: "1-1:1.0" });
  const second = usb("/dev/ttyUSB1", "1a86:55d4", { serialNumber: "TWIN", locationId: "1-2:1.0" });

  test("are all different, also where a maker numbers all alike", () => {
    expect([...adapterKeys([first, second]).values()]).toEqual([
      "usb:1a86:55d4:TWIN",
      "usb:1a86:55d4@1-2:1.0",
    ]);
  });

  test("are kept by whoever has them", () => {
    const held = adapterKeys([second]);
    expect(held.get("/dev/ttyUSB1")).toBe("usb:1a86:55d4:TWIN");
    expect(Object.fromEntries(adapterKeys([first, second], held))).toEqual({
      "/dev/ttyUSB1": "usb:1a86:55d4:TWIN",
      "/dev/ttyUSB0": "usb:1a86:55d4@1-1:1.0",
    });
  });

  test("are not inherited with a name by another adapter", () => {
    const held = adapterKeys([first]);
    const other = usb("/dev/ttyUSB0", "10c4:ea60", { serialNumber: "OTHER9" });
    expect([...adapterKeys([other], held).values()]).toEqual(["usb:10c4:ea60:OTHER9"]);
  });
});
