import type { Ssid } from "../hostap-syntax/index.ts";

/** What one wpa_supplicant is to do with one interface: wpa_supplicant.conf(5), as version 2.10 understands it. */
export interface WpaOptions {
  /** Where wpa_cli finds a socket for the interface. */
  controlDirectory?: string;
  /** Who may use it beside root. Needs `controlDirectory`. */
  controlGroupId?: number;
  /** ISO 3166-1 alpha-2. A mesh needs it on 5 and 6 GHz. */
  country?: string;
  /** How SAE makes the password element; wpa_supplicant's default: hunting and pecking. */
  passwordElement?: "hunting-and-pecking" | "hash-to-element" | "both";
  /** Groups for SAE by IANA's numbers: 19, 20, 21. */
  saeGroups?: readonly number[];
  /** Probe for known networks with an address of its own: for stations alone. */
  randomScanAddress?: boolean;
  /** Seconds between scans while no network is found; or that number, its square and so on up to the limit. */
  autoscan?: { everyS: number } | { baseS: number; limitS: number };
  /** Peers of a mesh at the most, 1 to 255, and seconds after which a silent one is forgotten. */
  maxPeers?: number;
  peerInactivityS?: number;
  /** One mesh, or networks to be a station of: at most 64. */
  networks: readonly Network[];
}

export type Network = MeshNetwork | StationNetwork;

/** An 802.11s mesh whose peerings wpa_supplicant makes itself (user_mpm). */
export interface MeshNetwork {
  mode: "mesh";
  /** The mesh's id. */
  ssid: Ssid;
  /** `sae`: encrypted with a key for each peer, management frames protected. */
  security: { kind: "open" } | { kind: "sae"; password: string };
  /** Of its primary channel. */
  frequencyMhz: number;
  /** At the most; as wide as the radio can where it is not set. 40 MHz and more are for 5 GHz. */
  widthMhz?: 20 | 40 | 80 | 160;
  /** Look for others on these channels alone before it starts: seconds instead of a quarter of a minute. */
  scanFrequenciesMhz?: readonly number[];
  /** Whether the mesh finds paths itself (HWMP): no, where batman-adv does. */
  forwarding?: boolean;
  /** In time units of 1024 µs, 10 to 65535. The same as an access point's on the same phy. */
  beaconIntervalTu?: number;
  dtimPeriod?: number;
  /** No peering with those heard more weakly, in dBm. */
  rssiThresholdDbm?: number;
  /** Wait for wpa_cli to add peers. */
  noAutoPeer?: boolean;
}

/** A network that the interface joins. */
export interface StationNetwork {
  mode: "station";
  ssid: Ssid;
  security: StationSecurity;
  /** Its beacons do not name it: it is asked for. */
  hidden?: boolean;
  /** This one access point alone. */
  bssid?: string;
  /** The higher is tried first; 0 to 1000. */
  priority?: number;
  scanFrequenciesMhz?: readonly number[];
  /** Access points on other frequencies are left alone. */
  frequenciesMhz?: readonly number[];
  /** Not to be joined until wpa_cli enables it. */
  disabled?: boolean;
  /** The station's address: its own, one for each network, or one of the maker's range. */
  address?: "permanent" | "random" | "random-same-maker";
  /** A name for scripts that wpa_supplicant calls. */
  id?: string;
}

export type StationSecurity =
  | { kind: "open" }
  /** Encrypted without a password. Without `only` an open access point of that name does where there is no other. */
  | { kind: "owe"; only?: boolean }
  | ({ kind: "wpa2"; sha256?: true; pmf?: "optional" | "required" } & (
      | { passphrase: string }
      | { psk: string }
    ))
  /** WPA3, its management frames protected. */
  | { kind: "wpa3"; password: string }
  /** WPA3 where the access point knows it, otherwise WPA2. */
  | { kind: "wpa2-wpa3"; passphrase: string; password?: string; sha256?: true };
