import {
  choice,
  countryCode,
  flag,
  integer,
  integers,
  macAddress,
  quoted,
  rowsOf,
  ssidCodec,
  text,
  unquoted,
  utf8Text,
  type ValueCodec,
} from "../hostap-syntax/index.ts";
import type { MeshNetwork, StationNetwork, WpaOptions } from "./options.ts";

const global = rowsOf<WpaOptions>();
const mesh = rowsOf<MeshNetwork>();
const station = rowsOf<StationNetwork>();

/** A text in quotations, of whatever letters its own rule allows. */
function quotedText(inner: ValueCodec<string>): ValueCodec<string> {
  return {
    ...inner,
    encode: quoted,
    decode: (value) => {
      const bytes = unquoted(value);
      return bytes && utf8Text(bytes);
    },
  };
}

export const saePassword = quotedText(
  text("a password of 1 to 128 bytes without control characters", /^.+$/s, 128),
);
const identifier = quotedText(text("a name of 1 to 64 letters, digits, - and _", /^[\w-]+$/, 64));

const frequencies = integers(2_412, 7_115, 40);

/** Seconds: periodic:30, exponential:3:300 */
const autoscan: ValueCodec<NonNullable<WpaOptions["autoscan"]>> = {
  form: "{ everyS } of 1 to 3600, or { baseS, limitS } of 2 to 60 and no less to 3600",
  fits: (scan) => {
    if ("everyS" in scan) return integer(1, 3_600).fits(scan.everyS) && !("baseS" in scan);
    return integer(2, 60).fits(scan.baseS) && integer(scan.baseS, 3_600).fits(scan.limitS);
  },
  encode: (scan) =>
    "everyS" in scan ? `periodic:${scan.everyS}` : `exponential:${scan.baseS}:${scan.limitS}`,
  decode: (value) => {
    const [, every, base, limit] =
      /^(?:periodic:(\d{1,4})|exponential:(\d{1,4}):(\d{1,4}))$/.exec(value) ?? [];
    if (every !== undefined) return { everyS: Number(every) };
    return base === undefined ? undefined : { baseS: Number(base), limitS: Number(limit) };
  },
};

/** ctrl_interface is not among them: it says the group too. */
export const GLOBAL_ROWS = [
  global("country", "country", countryCode),
  global(
    "sae_pwe",
    "passwordElement",
    choice({ "hunting-and-pecking": "0", "hash-to-element": "1", both: "2" }),
  ),
  global("sae_groups", "saeGroups", integers(19, 21, 3)),
  global("preassoc_mac_addr", "randomScanAddress", flag),
  global("autoscan", "autoscan", autoscan),
  global("max_peer_links", "maxPeers", integer(1, 255)),
  global("mesh_max_inactivity", "peerInactivityS", integer(1, 65_535)),
];

export const MESH_ROWS = [
  mesh("ssid", "ssid", ssidCodec),
  mesh("frequency", "frequencyMhz", integer(2_412, 7_115)),
  mesh("scan_freq", "scanFrequenciesMhz", frequencies),
  mesh("mesh_fwding", "forwarding", flag),
  mesh("beacon_int", "beaconIntervalTu", integer(10, 65_535)),
  mesh("dtim_period", "dtimPeriod", integer(1, 255)),
  mesh("mesh_rssi_threshold", "rssiThresholdDbm", integer(-100, -1)),
  mesh("no_auto_peer", "noAutoPeer", flag),
];

export const STATION_ROWS = [
  station("ssid", "ssid", ssidCodec),
  station("scan_ssid", "hidden", flag),
  station("bssid", "bssid", macAddress),
  station("priority", "priority", integer(0, 1_000)),
  station("scan_freq", "scanFrequenciesMhz", frequencies),
  station("freq_list", "frequenciesMhz", frequencies),
  station("disabled", "disabled", flag),
  station("mac_addr", "address", choice({ permanent: "0", random: "1", "random-same-maker": "2" })),
  station("id_str", "id", identifier),
];
