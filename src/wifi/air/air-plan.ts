import type { PlannedChannel, Role } from "../plan/index.ts";
import type { InterfaceType } from "../radio-inventory.ts";

/** What the box does with its radios, down to files and commands. */
export interface AirPlan {
  /** ISO 3166-1 alpha-2; "00": none is set. */
  country: string;
  /** Those that have something to do. */
  radios: readonly AirRadio[];
  /** What the radio plan wanted and cannot be had now, in sentences for an operator. */
  refused: readonly string[];
}

export interface AirRadio {
  phy: string;
  path: string;
  channel: PlannedChannel | undefined;
  /** What the operator allows; undefined: what the country does. */
  powerLimitDbm: number | undefined;
  interfaces: readonly AirInterface[];
  /** In the order in which they start: the access point first. */
  services: readonly AirService[];
}

export interface AirInterface {
  name: string;
  role: Role;
  type: Extract<InterfaceType, "AP" | "mesh point" | "managed">;
  /** Undefined: the chip's own is kept. */
  macAddress: string | undefined;
  /**
   * Who makes it: the box; hostapd, which makes all its networks but the first; or the driver has made it, and it gets this
   * name. A firmware that admits stations itself (brcmfmac on a Pi) serves best by the interface that it began with.
   */
  madeBy: "box" | "hostapd" | "driver";
}

/** One hostapd or wpa_supplicant. */
export interface AirService {
  /** `hostapd-ap0`, `wpa-mesh0`; its file is called like it. */
  name: string;
  program: "hostapd" | "wpa_supplicant";
  command: readonly string[];
  file: { path: string; text: string };
  /** The sockets where it is asked how it is, one for each interface. */
  controls: readonly { interface: string; path: string }[];
}
