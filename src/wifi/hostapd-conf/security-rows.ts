import {
  choice,
  integer,
  integers,
  interfaceName,
  macAddress,
  passphrase,
  presharedKey,
  rowsOf,
  type Ssid,
  ssidCodec,
} from "../hostap-syntax/index.ts";
import type { SaeOptions } from "./options.ts";
import { saePassword } from "./sae-password.ts";

/** Everything about security that is one line, of all kinds together. */
export interface SecurityValues extends SaeOptions {
  passphrase?: string;
  psk?: string;
  password?: string;
  groupRekeyS?: number;
}

export interface TransitionValues {
  interface?: string;
  ssid?: Ssid;
  bssid?: string;
}

const row = rowsOf<SecurityValues>();
const transition = rowsOf<TransitionValues>();

/** NIST's curves P-256, P-384 and P-521 in IANA's registry of IKEv2: those strong enough (RFC 8247, 2.4). */
const groups = integers(19, 21, 3);
const passphraseRow = row("wpa_passphrase", "passphrase", passphrase, "secret");
const passwordRow = row("sae_password", "password", saePassword, "secret");
const rekeyRow = row("wpa_group_rekey", "groupRekeyS", integer(0, 604_800));
const saeRows = [
  row("sae_groups", "groups", groups),
  row(
    "sae_pwe",
    "passwordElement",
    choice({ "hunting-and-pecking": "0", "hash-to-element": "1", both: "2" }),
  ),
  row("sae_anti_clogging_threshold", "antiCloggingThreshold", integer(0, 255)),
  rekeyRow,
];

export const OWE_ROWS = [row("owe_groups", "groups", groups), rekeyRow];
export const WPA2_ROWS = [passphraseRow, row("wpa_psk", "psk", presharedKey, "secret"), rekeyRow];
export const WPA3_ROWS = [passwordRow, ...saeRows];
export const WPA2_WPA3_ROWS = [passphraseRow, passwordRow, ...saeRows];

export const TRANSITION_ROWS = [
  transition("owe_transition_ifname", "interface", interfaceName),
  transition("owe_transition_ssid", "ssid", ssidCodec),
  transition("owe_transition_bssid", "bssid", macAddress),
];
