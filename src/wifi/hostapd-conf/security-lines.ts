import { writeRows } from "../hostap-syntax/index.ts";
import type { Security, Wpa2 } from "./options.ts";
import { OWE_ROWS, TRANSITION_ROWS, WPA2_ROWS, WPA2_WPA3_ROWS, WPA3_ROWS } from "./security-rows.ts";

/** hostapd's numbers for protected management frames (ieee80211w). */
export const PMF_CODES = { none: "0", optional: "1", required: "2" } as const;
export type Pmf = keyof typeof PMF_CODES;

/** The lines that say who gets into a network. */
export function securityLines(security: Security): string[] {
  switch (security.kind) {
    case "open":
      return transitionLines(security);
    case "owe":
      return [...rsn("OWE", "required"), ...writeRows(security, OWE_ROWS), ...transitionLines(security)];
    case "wpa2":
      return [...rsn(psk(security), security.pmf ?? "none"), ...writeRows(security, WPA2_ROWS)];
    case "wpa3":
      return [...rsn("SAE", "required"), ...writeRows(security, WPA3_ROWS)];
    case "wpa2-wpa3":
      return [
        ...rsn(`${psk(security)} SAE`, security.pmf ?? "optional"),
        // WPA3's stations know protected frames: without this they could be talked out of them.
        "sae_require_mfp=1",
        ...writeRows(security, WPA2_WPA3_ROWS),
      ];
  }
}

function psk({ sha256 }: Pick<Wpa2, "sha256">): string {
  return sha256 === true ? "WPA-PSK WPA-PSK-SHA256" : "WPA-PSK";
}

function rsn(keyManagement: string, pmf: Pmf): string[] {
  return ["wpa=2", `wpa_key_mgmt=${keyManagement}`, "rsn_pairwise=CCMP", `ieee80211w=${PMF_CODES[pmf]}`];
}

function transitionLines({ transition }: Extract<Security, { kind: "open" | "owe" }>): string[] {
  return transition === undefined ? [] : writeRows(transition, TRANSITION_ROWS);
}
