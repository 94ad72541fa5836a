import { readdirSync, readFileSync, readlinkSync, realpathSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import type { PortInfo } from "./bindings-interface.ts";

/** A serial line of this machine. What its hardware does not tell is undefined. */
export interface LineInfo extends PortInfo {
  /** What the maker calls it: `CP2102 USB to UART Bridge Controller`. */
  product: string | undefined;
  /** The kernel driver: `cp210x`, `cdc_acm`. */
  driver: string | undefined;
  /** Other names that stay when it is plugged in again, the best first: `/dev/omerta-lora/…`, `/dev/serial/by-id/…`. */
  stablePaths: readonly string[];
}

export interface ListOptions {
  /** Where sysfs is mounted; default `/sys`. */
  sys?: string;
  /** Where the device files are; default `/dev`. */
  dev?: string;
}

/** In the order in which {@link LineInfo.stablePaths} has them. */
const LINK_FOLDERS = ["omerta-lora", "serial/by-id", "serial/by-path"];
/** include/uapi/linux/serial_core.h: nothing is there (Documentation/ABI/testing/sysfs-tty). */
const PORT_UNKNOWN = "0";

/**
 * Every serial line that has hardware behind it, by name: no consoles, no pseudo-terminals, no 8250 ports that a board
 * does not have. USB ids are in lower-case hex, `locationId` is the USB port and interface that it is plugged into
 * (`1-1.2:1.0`), `pnpId` the name in `/dev/serial/by-id`. Source: Documentation/ABI/testing/sysfs-bus-usb.
 */
export async function listLines({ sys = "/sys", dev = "/dev" }: ListOptions = {}): Promise<LineInfo[]> {
  const folder = join(sys, "class/tty");
  const links = linksOf(dev);
  return namesIn(folder)
    .toSorted((a, b) => a.localeCompare(b, "en", { numeric: true }))
    .flatMap((name) => {
      const device = followed(join(folder, name, "device"));
      if (device === undefined || textOf(join(folder, name, "type")) === PORT_UNKNOWN) return [];
      return [lineInfo(join(dev, name), device, sys, links)];
    });
}

function lineInfo(
  path: string,
  device: string,
  sys: string,
  links: ReadonlyMap<string, readonly string[]>,
): LineInfo {
  const usb = usbDeviceAbove(device, sys);
  const field = (name: string) => (usb === undefined ? undefined : textOf(join(usb.folder, name)));
  const stablePaths = links.get(path) ?? [];
  const byId = stablePaths.find((link) => link.includes("/serial/by-id/"));
  return {
    path,
    manufacturer: field("manufacturer"),
    product: field("product"),
    serialNumber: field("serial"),
    vendorId: field("idVendor"),
    productId: field("idProduct"),
    locationId: usb?.interface,
    pnpId: byId === undefined ? undefined : basename(byId),
    driver: driverOf(device),
    stablePaths,
  };
}

/** Since Linux 6.5 a UART's own device sits below two of the serial core, whose drivers are `port` and `ctrl`. */
function driverOf(device: string): string | undefined {
  for (const folder of [device, dirname(device), dirname(dirname(device))]) {
    const driver = basename(followed(join(folder, "driver")) ?? "");
    if (driver === "") return undefined;
    if (driver !== "port" && driver !== "ctrl") return driver;
  }
  return undefined;
}

/** The USB device that a folder of sysfs belongs to, and which of its interfaces. */
function usbDeviceAbove(device: string, sys: string): { folder: string; interface: string } | undefined {
  const top = realpathSync(sys);
  let below = device;
  for (let folder = device; folder.startsWith(`${top}/`); folder = dirname(folder)) {
    if (textOf(join(folder, "idVendor")) !== undefined) return { folder, interface: basename(below) };
    below = folder;
  }
  return undefined;
}

/** The links of udev by the device file that they lead to. */
function linksOf(dev: string): Map<string, string[]> {
  const links = new Map<string, string[]>();
  for (const folder of LINK_FOLDERS.map((name) => join(dev, name)))
    for (const name of namesIn(folder)) {
      const link = join(folder, name);
      const target = targetOf(link);
      if (target === undefined) continue;
      links.set(target, [...(links.get(target) ?? []), link]);
    }
  return links;
}

/** Where a link leads, by what it says: the file itself may be gone by now. */
function targetOf(link: string): string | undefined {
  return orUndefined(() => resolve(dirname(link), readlinkSync(link)));
}

function followed(link: string): string | undefined {
  return orUndefined(() => realpathSync(link));
}

function namesIn(folder: string): string[] {
  return orUndefined(() => readdirSync(folder))?.toSorted() ?? [];
}

/** A file's only line; undefined when it is empty or is not there. */
function textOf(file: string): string | undefined {
  return orUndefined(() => readFileSync(file, "utf8").trim()) || undefined;
}

/** Devices come and go while they are listed: what cannot be read is not there. */
function orUndefined<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
