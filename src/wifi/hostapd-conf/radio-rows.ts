import { choice, countryCode, flag, integer, rowsOf } from "../hostap-syntax/index.ts";
import { capabilityCodec, VHT_CAPABILITIES } from "./capabilities.ts";
import type { HeOptions, HtOptions, RadioOptions, VhtOptions } from "./options.ts";
import { rates } from "./rates.ts";

const radio = rowsOf<RadioOptions>();
const ht = rowsOf<HtOptions>();
const vht = rowsOf<VhtOptions>();
const he = rowsOf<HeOptions>();

export const RADIO_ROWS = [
  radio("driver", "driver", choice({ nl80211: "nl80211", none: "none" })),
  radio("country_code", "countryCode", countryCode),
  radio("ieee80211d", "advertiseCountry", flag),
  radio("ieee80211h", "radarDetection", flag),
  radio("local_pwr_constraint", "powerConstraintDb", integer(0, 255)),
  radio("spectrum_mgmt_required", "spectrumManagementRequired", flag),
  radio("beacon_int", "beaconIntervalTu", integer(10, 65_535)),
  radio("supported_rates", "supportedRates", rates),
  radio("basic_rates", "basicRates", rates),
  radio("preamble", "preamble", choice({ long: "0", short: "1" })),
  radio("rts_threshold", "rtsThreshold", integer(-1, 65_535)),
];

/** ht_capab is not among them: it says the width too. */
export const HT_ROWS = [
  ht("require_ht", "required", flag),
  ht("obss_interval", "overlapScanIntervalS", integer(0, 900)),
];

export const VHT_ROWS = [
  vht("vht_capab", "capabilities", capabilityCodec(VHT_CAPABILITIES)),
  vht("require_vht", "required", flag),
];

export const HE_ROWS = [
  he("he_su_beamformer", "suBeamformer", flag),
  he("he_su_beamformee", "suBeamformee", flag),
  he("he_mu_beamformer", "muBeamformer", flag),
  he("he_bss_color", "bssColor", integer(1, 63)),
  he("he_default_pe_duration", "defaultPaddingDuration", integer(0, 4)),
  he("he_twt_required", "twtRequired", flag),
  he("he_twt_responder", "twtResponder", flag),
  he("he_rts_threshold", "rtsThreshold", integer(0, 1_023)),
];
