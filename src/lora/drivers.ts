import type { RadioDriver } from "./driver.ts";

export type FirmwareName = RadioDriver["firmware"];

/** Each is loaded when it is first needed: a box has one or two cases, not five. */
const LOADERS: Readonly<Record<FirmwareName, () => Promise<RadioDriver>>> = {
  meshtastic: async () => (await import("./meshtastic/index.ts")).meshtastic,
  meshcore: async () => (await import("./meshcore/index.ts")).meshcore,
  rnode: async () => (await import("./rnode/index.ts")).rnode,
  rylr998: async () => (await import("./rylr998/index.ts")).rylr998,
  e22: async () => (await import("./e22/index.ts")).e22,
};

/** Every firmware that the box can talk to, the likeliest in the field first. */
export const FIRMWARE_NAMES: readonly FirmwareName[] = ["meshtastic", "meshcore", "rnode", "rylr998", "e22"];

export const driverOf = (firmware: FirmwareName): Promise<RadioDriver> => LOADERS[firmware]();
