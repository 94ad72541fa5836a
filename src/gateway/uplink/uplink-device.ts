import { existsSync, readFileSync, readlinkSync, realpathSync } from "node:fs";
import { basename, join } from "node:path";

/** What a way to the internet is made of, in the order in which they are preferred. */
export type UplinkKind = "ethernet" | "wifi" | "tethering" | "modem";

const SYSFS = "/sys/class/net";
/** include/uapi/linux/if_arp.h: ARPHRD_PPP. */
const PPP = "512";

/** Drivers that nothing but a phone or a modem has (drivers/net/usb/rndis_host.c, ipheth.c). */
const PHONE_DRIVERS = new Set(["rndis_host", "ipheth"]);
/** Drivers of the USB classes for Ethernet: of phones and modems, and of plain adapters. */
const CLASS_DRIVERS = new Set(["cdc_ether", "cdc_ncm", "cdc_eem", "cdc_subset"]);
/** Drivers of cellular modems (drivers/net/usb, drivers/net/wwan). */
const MODEM_DRIVERS = new Set(["qmi_wwan", "cdc_mbim", "huawei_cdc_ncm", "sierra_net", "hso", "kalmia"]);
/** USB vendors whose Ethernet is a modem's: Huawei, ZTE, Sierra, Quectel, SIMCom, TCL, Fibocom, u-blox (linux-usb.org/usb.ids). */
const MODEM_VENDORS = new Set(["12d1", "19d2", "1199", "2c7c", "1e0e", "1bbb", "2cb7", "1546"]);
/** A locally administered address (IEEE 802, second lowest bit of the first byte): phones make theirs up, adapters have one. */
const isMadeUp = (mac: string) => /^.[2367abef]:/i.test(mac);

/**
 * What kind of uplink an interface could be, by its driver; undefined for what leads nowhere by itself (bridges,
 * tunnels, virtual ones) and for a board's own USB gadget, at whose other end the operator is.
 * @param sysfs the folder of all interfaces
 */
export function uplinkKind(name: string, sysfs = SYSFS): UplinkKind | undefined {
  if (!/^[^/\s]{1,15}$/.test(name) || name.startsWith(".")) return undefined;
  const folder = join(sysfs, name);
  const read = (file: string) => readOr(join(folder, file));
  const uevent = read("uevent");
  if (uevent.includes("DEVTYPE=wwan") || read("type") === PPP) return "modem";
  if (uevent.includes("DEVTYPE=wlan") || existsSync(join(folder, "phy80211"))) return "wifi";
  const device = join(folder, "device");
  if (!existsSync(device) || realpathSync(device).includes("/gadget")) return undefined;
  const driver = driverOf(device);
  if (MODEM_DRIVERS.has(driver)) return "modem";
  const vendor = readOr(join(realpathSync(device), "../idVendor"));
  const isOfClass = CLASS_DRIVERS.has(driver);
  if ((isOfClass || PHONE_DRIVERS.has(driver)) && MODEM_VENDORS.has(vendor) && !isMadeUp(read("address")))
    return "modem";
  if (PHONE_DRIVERS.has(driver) || (isOfClass && isMadeUp(read("address")))) return "tethering";
  return "ethernet";
}

function driverOf(device: string): string {
  try {
    return basename(readlinkSync(join(device, "driver")));
  } catch {
    return "";
  }
}

function readOr(path: string): string {
  try {
    return readFileSync(path, "utf8").trim();
  } catch {
    return "";
  }
}
