import { readdir, readFile, realpath } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { run, tryRun } from "../../host/run.ts";
import type { RadioInventory } from "../radio-inventory.ts";
import { busOf, type DeviceFacts, devicePath, parseEthtool } from "./device-facts.ts";
import { readRadios } from "./read-radios.ts";

const PHYS = "/sys/class/ieee80211";

/**
 * Takes the inventory of this machine. A machine without the kernel's 802.11 stack, or without `iw`, has no radios.
 * @throws {RunError} when `iw` fails although there are phys
 */
export async function collectRadios(): Promise<RadioInventory> {
  const phys = await namesIn(PHYS);
  if (phys.length === 0) return { country: "00", radios: [] };
  const each = async <T>(read: (phy: string) => Promise<T>): Promise<Record<string, T>> =>
    Object.fromEntries(await Promise.all(phys.map(async (phy) => [phy, await read(phy)] as const)));
  // The open network may be waiting for it.
  const [iwPhy, iwReg, iwDev, channels, devices] = await Promise.all([
    run(["iw", "phy"]),
    run(["iw", "reg", "get"]),
    run(["iw", "dev"]),
    each(async (phy) => (await tryRun(["iw", "phy", phy, "channels"])).stdout),
    each((phy) => deviceFacts(join(PHYS, phy))),
  ]);
  return readRadios({ iwPhy, iwReg, iwDev, channels, devices });
}

async function deviceFacts(phy: string): Promise<DeviceFacts> {
  const device = await target(join(phy, "device"));
  const [driver, subsystem] = await Promise.all([
    target(join(device, "driver")),
    target(join(device, "subsystem")),
  ]);
  const bus = busOf(subsystem);
  const [netdev] = await namesIn(join(device, "net"));
  const ethtool = netdev === undefined ? "" : (await tryRun(["ethtool", "-i", netdev])).stdout;
  return {
    path: devicePath(device),
    driver: basename(driver),
    firmware: parseEthtool(ethtool),
    bus,
    usbId: bus === "usb" ? await usbId(dirname(device)) : "",
    macAddress: await line(join(phy, "macaddress")),
  };
}

/** The ids stand at the device, one above the interface that the driver holds. */
async function usbId(device: string): Promise<string> {
  const [vendor, product] = await Promise.all([
    line(join(device, "idVendor")),
    line(join(device, "idProduct")),
  ]);
  return vendor === "" ? "" : `${vendor}:${product}`;
}

/** Where a link of sysfs leads; "" where it is missing: not every bus has each of them, and an adapter may just go. */
async function target(link: string): Promise<string> {
  try {
    return await realpath(link);
  } catch {
    return "";
  }
}

async function line(file: string): Promise<string> {
  try {
    return (await readFile(file, "utf8")).trim().slice(0, 64);
  } catch {
    return "";
  }
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).sort();
  } catch {
    return [];
  }
}
