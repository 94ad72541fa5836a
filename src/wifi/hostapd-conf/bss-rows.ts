import {
  choice,
  directory,
  flag,
  integer,
  interfaceName,
  macAddress,
  rowsOf,
  ssidCodec,
} from "../hostap-syntax/index.ts";
import type { BssOptions } from "./options.ts";

const row = rowsOf<BssOptions>();

/** Of interface= and bss= alike; these begin a section and are written by their own. */
export const INTERFACE_ROW = row("interface", "interface", interfaceName);
export const SSID_ROW = row("ssid2", "ssid", ssidCodec);

/** hostapd's MAX_STA_COUNT. */
const MAX_STATIONS = 2_007;
const MAX_GROUP_ID = 2_147_483_647;

export const BSS_ROWS = [
  row("bssid", "bssid", macAddress),
  row("bridge", "bridge", interfaceName),
  row("ctrl_interface", "controlDirectory", directory),
  row("ctrl_interface_group", "controlGroupId", integer(0, MAX_GROUP_ID)),
  row("ignore_broadcast_ssid", "hidden", choice({ empty: "1", zeroed: "2" })),
  row("max_num_sta", "maxStations", integer(1, MAX_STATIONS)),
  row("no_probe_resp_if_max_sta", "silentWhenFull", flag),
  row("ap_isolate", "isolate", flag),
  row("proxy_arp", "proxyArp", flag),
  row("multicast_to_unicast", "multicastToUnicast", flag),
  row("dtim_period", "dtimPeriod", integer(1, 255)),
  row("wmm_enabled", "wmm", flag),
  row("uapsd_advertisement_enabled", "uapsd", flag),
  row("disassoc_low_ack", "disassociateOnLowAck", flag),
  row("ap_max_inactivity", "maxInactivityS", integer(1, 65_535)),
  row("skip_inactivity_poll", "skipInactivityPoll", flag),
  row("bss_transition", "bssTransition", flag),
  row("rrm_neighbor_report", "neighbourReports", flag),
];
