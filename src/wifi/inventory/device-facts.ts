import type { Radio } from "../radio-inventory.ts";

/** What sysfs and ethtool say of the device of one phy. */
export type DeviceFacts = Pick<Radio, "path" | "driver" | "firmware" | "bus" | "usbId" | "macAddress">;

/** For a phy whose device is not known, as in a recording of `iw phy` alone. */
export const NO_FACTS: DeviceFacts = {
  path: "",
  driver: "",
  firmware: "",
  bus: "platform",
  usbId: "",
  macAddress: "",
};

/** The bus by the name of sysfs' subsystem; what is none of them counts as part of the platform. */
export function busOf(subsystem: string): Radio["bus"] {
  const name = subsystem.split("/").at(-1);
  return name === "usb" || name === "sdio" || name === "pci" ? name : "platform";
}

/** The path of a device below `/sys/devices`, at most 200 characters. */
export function devicePath(realPath: string): string {
  return realPath.replace(/^\/sys\/devices\//, "").slice(0, 200);
}

/** The version of the firmware as `ethtool -i` prints it; "" where there is none. */
export function parseEthtool(text: string): string {
  const version = /^firmware-version: ?(.{0,120})$/m.exec(text)?.[1]?.trim() ?? "";
  return version === "N/A" ? "" : version;
}
