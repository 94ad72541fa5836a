/** Bands of 802.11, by the name that `iw` and hostapd go by. */
export const BANDS = ["2.4GHz", "5GHz", "6GHz"] as const;
export type Band = (typeof BANDS)[number];

export interface Channel {
  /** 1, 36, … */
  number: number;
  frequencyMhz: number;
  band: Band;
  /** The most that the regulatory domain and the chip allow, in dBm. */
  maxPowerDbm: number;
  /** Not to be used in the country that is set. */
  disabled: boolean;
  /** Only after somebody else was heard there (passive scanning, "no IR"): no access point of our own, no mesh. */
  noIr: boolean;
  /** Radar must be looked for first, and left to (DFS). */
  dfs: boolean;
  /** Widths that may be used with this as the primary channel, in MHz. */
  widthsMhz: readonly (20 | 40 | 80 | 160)[];
  /** With a width of 40 MHz: where the second channel is. */
  ht40: readonly ("+" | "-")[];
}

/** nl80211's interface types that the box uses. */
export const INTERFACE_TYPES = [
  "managed",
  "AP",
  "mesh point",
  "AP/VLAN",
  "monitor",
  "P2P-client",
  "P2P-GO",
  "P2P-device",
  "IBSS",
] as const;
export type InterfaceType = (typeof INTERFACE_TYPES)[number];

/** What a chip can do on one band. */
export interface BandCapabilities {
  band: Band;
  /** 802.11n, ac, ax: as hostapd's switches. */
  ht: boolean;
  vht: boolean;
  he: boolean;
  /** As hostapd's ht_capab writes them: `[HT40+]`, `[SHORT-GI-20]` … */
  htCapabilities: readonly string[];
  /** As hostapd's vht_capab writes them: `[SHORT-GI-80]` … */
  vhtCapabilities: readonly string[];
}

/** What one phy can do at the same time (nl80211's interface combinations). */
export interface InterfaceCombination {
  /** Each: at most so many of these types together. */
  limits: readonly { types: readonly InterfaceType[]; max: number }[];
  /** Interfaces in all. */
  total: number;
  /** Channels at the same time. */
  channels: number;
  /** All access points must have the same beacon interval. */
  sameBeaconInterval: boolean;
}

/** One radio chip: a phy of Linux's 802.11 stack. */
export interface Radio {
  /** `phy0` */
  phy: string;
  /** What stays the same through a reboot: the sysfs path of its device, `platform/…` or `pci…/usb1/1-1.2`. */
  path: string;
  driver: string;
  /** Of the chip's firmware, as ethtool tells it; "" where it does not. */
  firmware: string;
  /** `usb`, `sdio`, `pci`, or `platform` for what is none (hwsim). */
  bus: "usb" | "sdio" | "pci" | "platform";
  /** `0bda:8812` for USB, "" for others. */
  usbId: string;
  macAddress: string;
  channels: readonly Channel[];
  types: readonly InterfaceType[];
  /** None: one interface at a time. */
  combinations: readonly InterfaceCombination[];
  /** What the chip can do on each band that it has. */
  bands: readonly BandCapabilities[];
  /** SAE by the supplicant (not by firmware), as a mesh needs it. */
  sae: boolean;
  /** Protected management frames (BIP-CMAC-128), as SAE and OWE need them. */
  pmf: boolean;
  /** Whether hostapd admits stations, not the firmware: without it no OWE. */
  apByHostapd: boolean;
  /** 802.11s with its own peering handled in user space (for SAE). */
  meshPoint: boolean;
  /** Stations that one access point may have; undefined: not said. */
  maxStations: number | undefined;
  /** Whether the driver keeps guests apart (`ap_isolate`). */
  apIsolation: boolean;
  /** Interfaces that are there now. */
  interfaces: readonly { name: string; type: InterfaceType }[];
}

/** What a box has by way of radios, as it was found, or recorded from a board. */
export interface RadioInventory {
  /** ISO 3166-1 alpha-2; "00": the world, which allows least. */
  country: string;
  radios: readonly Radio[];
}
