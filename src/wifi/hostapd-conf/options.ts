import type { Ssid } from "../hostap-syntax/index.ts";
import type { HtCapability, VhtCapability } from "./capabilities.ts";
import type { OperatingChannel } from "./channel.ts";

/** What one hostapd is to do with one radio: hostapd.conf(5), as version 2.10 understands it. */
export interface HostapdOptions {
  radio: RadioOptions;
  /** The networks of the radio, 1 to 16. The first is the interface itself, hostapd adds the others. */
  bss: readonly BssOptions[];
}

/** What all networks of a radio have in common. */
export interface RadioOptions {
  /** `none`: no radio at all, for trying a file. hostapd's default: nl80211. */
  driver?: "nl80211" | "none";
  /** ISO 3166-1 alpha-2. Needed on 5 and 6 GHz. */
  countryCode?: string;
  /** Tell stations the country and its limits (802.11d). */
  advertiseCountry?: boolean;
  /** Look for radar and leave to it (DFS, 802.11h). Needed on 5 GHz channels from 52 to 144. */
  radarDetection?: boolean;
  /** Ask stations for so many dB less than the country allows; 0 to 255. */
  powerConstraintDb?: number;
  /** Only stations that honour the power constraint. */
  spectrumManagementRequired?: boolean;
  channel: OperatingChannel;
  /** In time units of 1024 µs, 10 to 65535; hostapd's default: 100. The same for all that share the phy. */
  beaconIntervalTu?: number;
  /** Rates offered, and those that each station must know, in 100 kbit/s: 60 leaves the slowest (802.11b) out. */
  supportedRates?: readonly number[];
  basicRates?: readonly number[];
  preamble?: "long" | "short";
  /** Bytes; -1: never. */
  rtsThreshold?: number;
  /** 802.11n, ac and ax; each where it is set. */
  ht?: HtOptions;
  vht?: VhtOptions;
  he?: HeOptions;
}

/** 802.11n (Wi-Fi 4). The 40 MHz capability is the channel's and not named here. */
export interface HtOptions {
  capabilities: readonly HtCapability[];
  /** Refuse stations without it. */
  required?: boolean;
  /** Let stations look for others on the band, so many seconds apart; 0 to 900. */
  overlapScanIntervalS?: number;
}

/** 802.11ac (Wi-Fi 5), on 5 GHz. */
export interface VhtOptions {
  capabilities: readonly VhtCapability[];
  required?: boolean;
}

/** 802.11ax (Wi-Fi 6). */
export interface HeOptions {
  suBeamformer?: boolean;
  suBeamformee?: boolean;
  muBeamformer?: boolean;
  /** 1 to 63. */
  bssColor?: number;
  /** In units of 4 µs, 0 to 4. */
  defaultPaddingDuration?: number;
  twtRequired?: boolean;
  twtResponder?: boolean;
  /** In units of 32 µs, 0 to 1023. */
  rtsThreshold?: number;
}

/** One network (basic service set). */
export interface BssOptions {
  interface: string;
  ssid: Ssid;
  security: Security;
  /** Of each but the first needed, and then locally administered. */
  bssid?: string;
  bridge?: string;
  /** Where hostapd_cli finds a socket for this network. Each network has a line of its own. */
  controlDirectory?: string;
  controlGroupId?: number;
  /** Beacons without the name: with an empty one, or with zeros of its length. Probes without it are not answered. */
  hidden?: "empty" | "zeroed";
  /** 1 to 2007. A chip's firmware may bear far fewer. */
  maxStations?: number;
  /** No answer to probes when it is full, so that stations go elsewhere. */
  silentWhenFull?: boolean;
  /** Stations do not reach one another. */
  isolate?: boolean;
  /** Answer ARP and neighbour discovery for stations. Needs `isolate` and `bridge`. */
  proxyArp?: boolean;
  multicastToUnicast?: boolean;
  /** Beacons from one with buffered multicast to the next, 1 to 255. */
  dtimPeriod?: number;
  /** Classes of traffic on the air; hostapd's default: with 802.11n. */
  wmm?: boolean;
  uapsd?: boolean;
  disassociateOnLowAck?: boolean;
  /** Seconds without a frame after which a station is asked whether it is still there; 1 to 65535. */
  maxInactivityS?: number;
  /** Let it go without asking. */
  skipInactivityPoll?: boolean;
  /** 802.11v and k: help stations to move on to a better access point. */
  bssTransition?: boolean;
  neighbourReports?: boolean;
  acl?: AccessList;
  interworking?: Interworking;
}

/** Who gets in. WPA's first version, TKIP and WEP are not offered: all here is CCMP. */
export type Security =
  | { kind: "open"; transition?: OweTransition }
  /** Encrypted without a password (RFC 8110); protected management frames as it demands. */
  | { kind: "owe"; transition?: OweTransition; groups?: readonly number[]; groupRekeyS?: number }
  | Wpa2
  /** SAE alone; protected management frames as WPA3 demands. */
  | ({ kind: "wpa3"; password: string; groupRekeyS?: number } & SaeOptions)
  | Wpa2Wpa3;

/** A passphrase or the key made of it. `pmf`: protected management frames (802.11w); none where it is not set. */
export type Wpa2 = {
  kind: "wpa2";
  pmf?: "optional" | "required";
  /** WPA-PSK-SHA256 too. */
  sha256?: true;
  groupRekeyS?: number;
} & ({ passphrase: string } | { psk: string });

/** Both at once. Protected management frames are optional where `pmf` is not set, yet required of WPA3's stations. */
export interface Wpa2Wpa3 extends SaeOptions {
  kind: "wpa2-wpa3";
  /** For WPA2, and for WPA3 where `password` is not set. */
  passphrase: string;
  password?: string;
  pmf?: "required";
  sha256?: true;
  groupRekeyS?: number;
}

export interface SaeOptions {
  /** Finite cyclic groups by IANA's numbers; hostapd's default: 19. */
  groups?: readonly number[];
  /** How the password element is made; hostapd's default: hunting and pecking. 6 GHz needs hash-to-element. */
  passwordElement?: "hunting-and-pecking" | "hash-to-element" | "both";
  /** Half-open handshakes from which on a station must send a token. */
  antiCloggingThreshold?: number;
}

/**
 * The other one of two networks, one open and one OWE, of which phones that know OWE take the encrypted one: on an
 * interface of the same hostapd, or by its name and address.
 */
export type OweTransition = { interface: string } | { ssid: Ssid; bssid: string };

export type AccessList =
  | { policy: "accept-unless-denied"; denyFile: string }
  | { policy: "deny-unless-accepted"; acceptFile: string };

/** What a phone may know of a network before it joins (802.11u). */
export interface Interworking {
  /** 0 private, 1 private with guests, 2 public and paid for, 3 public and free, 5 emergency services only, 14 test. */
  accessNetworkType?: number;
  /** Whether there is the internet behind it. */
  internet?: boolean;
  /** One more step is needed after joining: a captive portal. */
  additionalStep?: boolean;
  emergencyServices?: boolean;
  unauthenticatedEmergency?: boolean;
  /** Group and type of IEEE 802.11-2020, 9.4.1.34; 1 and 15: an emergency coordination centre. */
  venue?: { group: number; type: number };
  /** Language of ISO 639 (2 or 3 letters), and the place's name in it, up to 252 bytes. */
  venueNames?: readonly { language: string; name: string }[];
  /** The additional step: to accept terms (with their address), to enrol, or to follow a redirection. */
  networkAuthentication?: { kind: "terms" | "enrolment" | "http-redirect" | "dns-redirect"; url?: string };
  /** What the networks of one kind have in common, shaped like a BSSID. */
  hessid?: string;
}
