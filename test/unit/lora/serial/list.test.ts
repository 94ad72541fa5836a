import { describe, expect, test } from "bun:test";
import { mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { openPty } from "../../../../src/bench/pty.ts";
import { type LineInfo, listLines } from "../../../../src/lora/serial/index.ts";
import { scratchFolders } from "../../scratch.ts";
import { ADAPTERS, SysfsTree } from "./sysfs-trees.ts";

const scratch = scratchFolders();

function machine() {
  const root = scratch();
  const [sys, dev] = [join(root, "sys"), join(root, "dev")];
  const tree = new SysfsTree(sys);
  const link = (folder: string, name: string, tty: string) => {
    mkdirSync(join(dev, folder), { recursive: true });
    symlinkSync(join("../".repeat(folder.split("/").length), tty), join(dev, folder, name));
  };
  const list = async () => {
    const lines = await listLines({ sys, dev });
    const inDev = (path: string) => path.replace(dev, "/dev");
    return lines.map((line) => ({
      ...line,
      path: inDev(line.path),
      stablePaths: line.stablePaths.map(inDev),
    }));
  };
  return { tree, link, list };
}

const nothing = {
  manufacturer: undefined,
  product: undefined,
  serialNumber: undefined,
  vendorId: undefined,
  productId: undefined,
  locationId: undefined,
  pnpId: undefined,
  driver: undefined,
  stablePaths: [],
} satisfies Omit<LineInfo, "path">;

describe("listing serial lines", () => {
  test("finds none on a machine that has consoles only, or no sysfs at all", async () => {
    expect(await machine().list()).toEqual([]);
    expect(await listLines({ sys: "/nowhere", dev: "/nowhere" })).toEqual([]);
  });

  test("tells all that USB adapters say about themselves, by name in the order of their numbers", async () => {
    const { tree, list } = machine();
    for (const name of ["esp32s3", "nrf52840", "ch340", "cp2102"] as const) tree.plug(ADAPTERS[name]);
    expect(await list()).toEqual([
      {
        ...nothing,
        path: "/dev/ttyACM0",
        manufacturer: "RAKwireless",
        product: "WisCore RAK4631 Board",
        serialNumber: "DA3F5A8C1B2E4D70",
        vendorId: "239a",
        productId: "8029",
        locationId: "1-1.4:1.0",
        driver: "cdc_acm",
      },
      {
        ...nothing,
        path: "/dev/ttyACM10",
        manufacturer: "Espressif",
        product: "USB JTAG/serial debug unit",
        serialNumber: "48:27:E2:E3:1A:58",
        vendorId: "303a",
        productId: "1001",
        locationId: "1-2:1.0",
        driver: "cdc_acm",
      },
      {
        ...nothing,
        path: "/dev/ttyUSB0",
        manufacturer: "Silicon Labs",
        product: "CP2102 USB to UART Bridge Controller",
        serialNumber: "0001",
        vendorId: "10c4",
        productId: "ea60",
        locationId: "1-1.2:1.0",
        driver: "cp210x",
      },
      {
        ...nothing,
        path: "/dev/ttyUSB1",
        product: "USB Serial",
        vendorId: "1a86",
        productId: "7523",
        locationId: "1-1.3:1.0",
        driver: "ch341",
      },
    ]);
  });

  test("adds the names that stay, the box's own first", async () => {
    const { tree, link, list } = machine();
    tree.plug(ADAPTERS.nrf52840);
    tree.plug(ADAPTERS.cp2102);
    link("serial/by-path", "platform-fd500000.pcie-pci-0000:01:00.0-usb-0:1.4:1.0", "ttyACM0");
    link("serial/by-id", "usb-RAKwireless_WisCore_RAK4631_Board_DA3F5A8C1B2E4D70-if00", "ttyACM0");
    link("omerta-lora", "RAKwireless_WisCore_RAK4631_Board_DA3F5A8C1B2E4D70-if00", "ttyACM0");
    // Of an adapter that is gone.
    link("serial/by-id", "usb-gone-if00", "ttyACM7");
    expect(await list()).toMatchObject([
      {
        path: "/dev/ttyACM0",
        pnpId: "usb-RAKwireless_WisCore_RAK4631_Board_DA3F5A8C1B2E4D70-if00",
        stablePaths: [
          "/dev/omerta-lora/RAKwireless_WisCore_RAK4631_Board_DA3F5A8C1B2E4D70-if00",
          "/dev/serial/by-id/usb-RAKwireless_WisCore_RAK4631_Board_DA3F5A8C1B2E4D70-if00",
          "/dev/serial/by-path/platform-fd500000.pcie-pci-0000:01:00.0-usb-0:1.4:1.0",
        ],
      },
      { path: "/dev/ttyUSB0", pnpId: undefined, stablePaths: [] },
    ]);
  });

  test("lists the board's own UARTs, and leaves out 8250 ports that are not there", async () => {
    const { tree, list } = machine();
    tree.uart("ttyAMA0", "uart-pl011", "32");
    tree.uart("ttyS0", "serial8250", "0");
    tree.uartBelowSerialCore("ttyS1", "serial8250", "4");
    expect(await list()).toEqual([
      { ...nothing, path: "/dev/ttyAMA0", driver: "uart-pl011" },
      { ...nothing, path: "/dev/ttyS1", driver: "serial8250" },
    ]);
  });

  test("does not list pseudo-terminals of this machine", async () => {
    const pty = openPty();
    try {
      const paths = (await listLines()).map((line) => line.path);
      expect(paths.filter((path) => path.includes("/pts/"))).toEqual([]);
      expect(paths).not.toContain("/dev/ptmx");
    } finally {
      pty.hangUp();
    }
  });
});
