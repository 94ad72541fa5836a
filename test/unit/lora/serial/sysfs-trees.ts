import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { basename, dirname, join, relative } from "node:path";

/** An adapter in a USB socket, as `lsusb -v` and `udevadm info -a` show it. */
export interface Adapter {
  tty: string;
  /** Bus and ports: `1-1.2`. */
  socket: string;
  driver: "cp210x" | "ch341" | "cdc_acm";
  idVendor: string;
  idProduct: string;
  manufacturer?: string;
  product?: string;
  serial?: string;
}

/** The PCIe controller of a Raspberry Pi 4 that its USB sockets hang on. */
const CONTROLLER = "devices/platform/scb/fd500000.pcie/pci0000:00/0000:00:00.0/0000:01:00.0";

/** A tree as Linux 6.1 shows it on a Raspberry Pi 4; as much of it as matters to serial lines and to udev. */
export class SysfsTree {
  constructor(readonly root: string) {
    for (const bus of ["usb", "usb-serial", "pci", "platform"])
      mkdirSync(join(root, "bus", bus), { recursive: true });
    mkdirSync(join(root, "class/tty"), { recursive: true });
    this.device("devices/platform/scb/fd500000.pcie", "bus/platform", {});
    this.device(CONTROLLER, "bus/pci", { uevent: "PCI_SLOT_NAME=0000:01:00.0" });
    this.device(`${CONTROLLER}/usb1`, "bus/usb", {
      uevent: "DEVTYPE=usb_device",
      idVendor: "1d6b",
      idProduct: "0002",
    });
    for (const name of ["tty", "tty0", "console", "ptmx"]) this.tty(`devices/virtual/tty/${name}`);
  }

  /** A UART on the board; `type` is the kernel's number of its kind, 0 when there is none. */
  uart(name: string, driver: string, type: string): void {
    const device = `devices/platform/soc/${name}-uart`;
    this.device(device, "bus/platform", {}, driver);
    this.tty(`${device}/tty/${name}`, device, { type });
  }

  /** The same, as Linux 6.5 and later show it. */
  uartBelowSerialCore(name: string, driver: string, type: string): void {
    const device = `devices/platform/soc/${name}-uart`;
    this.device(device, "bus/platform", {}, driver);
    this.device(`${device}/${name}:0`, "bus/platform", {}, "ctrl");
    this.device(`${device}/${name}:0/${name}:0.0`, "bus/platform", {}, "port");
    this.tty(`${device}/${name}:0/${name}:0.0/tty/${name}`, `${device}/${name}:0/${name}:0.0`, { type });
  }

  /** @returns the folder of its tty */
  plug(adapter: Adapter): string {
    const { tty, socket, driver, idVendor, idProduct, manufacturer, product, serial } = adapter;
    const hub = socket.includes(".") ? `${CONTROLLER}/usb1/${socket.split(".")[0]}` : `${CONTROLLER}/usb1`;
    const usb = `${hub}/${socket}`;
    const side = `${usb}/${socket}:1.0`;
    const texts = { manufacturer, product, serial };
    this.device(usb, "bus/usb", {
      uevent: `MAJOR=189\nMINOR=5\nDEVNAME=bus/usb/001/006\nDEVTYPE=usb_device\nPRODUCT=${idVendor}/${idProduct}/100`,
      idVendor,
      idProduct,
      bcdDevice: "0100",
      ...Object.fromEntries(Object.entries(texts).filter(([, text]) => text !== undefined)),
    });
    this.device(
      side,
      "bus/usb",
      {
        uevent: "DEVTYPE=usb_interface",
        bInterfaceClass: "ff",
        bInterfaceSubClass: "00",
        bInterfaceNumber: "00",
      },
      driver,
    );
    if (driver === "cdc_acm") return this.tty(`${side}/tty/${tty}`, side);
    this.device(`${side}/${tty}`, "bus/usb-serial", { port_number: "0" }, driver);
    return this.tty(`${side}/${tty}/tty/${tty}`, `${side}/${tty}`);
  }

  private tty(path: string, device?: string, files: Record<string, string> = {}): string {
    const name = basename(path);
    this.device(path, "class/tty", { uevent: `MAJOR=188\nMINOR=0\nDEVNAME=${name}`, dev: "188:0", ...files });
    if (device !== undefined) this.link(`${path}/device`, device);
    this.link(`class/tty/${name}`, path);
    return path;
  }

  private device(path: string, subsystem: string, files: Record<string, string>, driver?: string): void {
    mkdirSync(join(this.root, path), { recursive: true });
    for (const [name, text] of Object.entries({ uevent: "", ...files }))
      writeFileSync(join(this.root, path, name), `${text}\n`);
    this.link(`${path}/subsystem`, subsystem);
    if (driver === undefined) return;
    mkdirSync(join(this.root, "bus/any/drivers", driver), { recursive: true });
    this.link(`${path}/driver`, `bus/any/drivers/${driver}`);
  }

  private link(from: string, to: string): void {
    symlinkSync(relative(dirname(from), to), join(this.root, from));
  }
}

/** Boards as they report themselves; the ids are those of the vendors' own lists. */
export const ADAPTERS = {
  /** Heltec V3, LilyGO T3: every CP2102 has this serial number. */
  cp2102: {
    tty: "ttyUSB0",
    socket: "1-1.2",
    driver: "cp210x",
    idVendor: "10c4",
    idProduct: "ea60",
    manufacturer: "Silicon Labs",
    product: "CP2102 USB to UART Bridge Controller",
    serial: "0001",
  },
  ch340: {
    tty: "ttyUSB1",
    socket: "1-1.3",
    driver: "ch341",
    idVendor: "1a86",
    idProduct: "7523",
    product: "USB Serial",
  },
  /** RAK4631 */
  nrf52840: {
    tty: "ttyACM0",
    socket: "1-1.4",
    driver: "cdc_acm",
    idVendor: "239a",
    idProduct: "8029",
    manufacturer: "RAKwireless",
    product: "WisCore RAK4631 Board",
    serial: "DA3F5A8C1B2E4D70",
  },
  esp32s3: {
    tty: "ttyACM10",
    socket: "1-2",
    driver: "cdc_acm",
    idVendor: "303a",
    idProduct: "1001",
    manufacturer: "Espressif",
    product: "USB JTAG/serial debug unit",
    serial: "48:27:E2:E3:1A:58",
  },
  /** No LoRa case: a printer's adapter. */
  ftdi: {
    tty: "ttyUSB2",
    socket: "1-3",
    driver: "cp210x",
    idVendor: "0403",
    idProduct: "6001",
    serial: "A50285BI",
  },
} satisfies Record<string, Adapter>;
