import { type Line, readRows, type Section } from "../hostap-syntax/index.ts";
import { problem } from "./hostapd-conf-error.ts";
import type { OweTransition, Security } from "./options.ts";
import { PMF_CODES, type Pmf } from "./security-lines.ts";
import { OWE_ROWS, TRANSITION_ROWS, WPA2_ROWS, WPA2_WPA3_ROWS, WPA3_ROWS } from "./security-rows.ts";

/**
 * Takes the lines that say who gets into a network out of its section.
 * @param where `bss[1].security`
 * @throws {HostapdConfError} with the line
 */
export function readSecurity(section: Section, where: string): Security {
  const wpa = section.take("wpa");
  if (wpa === undefined || wpa.value === "0") return { kind: "open", ...readTransition(section, where) };
  if (wpa.value !== "2") throw problem(where, "WPA's first version is not offered: wpa=2", wpa.number);
  const keys = section.take("wpa_key_mgmt");
  const cipher = section.take("rsn_pairwise");
  if (cipher?.value !== "CCMP") throw problem(where, "rsn_pairwise is not CCMP", (cipher ?? wpa).number);
  const pmf = readPmf(section, where);
  return ofKeys(section, where, keys ?? wpa, pmf);
}

function ofKeys(section: Section, where: string, keys: Line, pmf: Pmf): Security {
  const names = new Set(keys.value.split(" "));
  const sha256 = names.delete("WPA-PSK-SHA256") ? { sha256: true as const } : {};
  const need = (allowed: readonly Pmf[]) => {
    if (allowed.includes(pmf)) return;
    const codes = allowed.map((each) => PMF_CODES[each]).join(" or ");
    throw problem(where, `${keys.value} needs ieee80211w=${codes}`, keys.number);
  };
  const kind = [...names].sort().join(" ");
  if ("sha256" in sha256 && !names.has("WPA-PSK"))
    throw problem(where, "WPA-PSK-SHA256 is offered beside WPA-PSK alone", keys.number);
  switch (kind) {
    case "OWE":
      need(["required"]);
      return { kind: "owe", ...readRows(section, OWE_ROWS, where), ...readTransition(section, where) };
    case "WPA-PSK":
      return {
        kind: "wpa2",
        ...(pmf === "none" ? {} : { pmf }),
        ...sha256,
        ...readWpa2(section, where, keys),
      };
    case "SAE": {
      need(["required"]);
      const { password, ...rest } = readRows(section, WPA3_ROWS, where);
      if (password === undefined) throw problem(`${where}.password`, "is missing", keys.number);
      return { kind: "wpa3", password, ...rest };
    }
    case "SAE WPA-PSK": {
      need(["optional", "required"]);
      const mfp = section.take("sae_require_mfp");
      if (mfp !== undefined && mfp.value !== "1")
        throw problem(where, "WPA3's stations need protected management frames", mfp.number);
      const { passphrase, ...rest } = readRows(section, WPA2_WPA3_ROWS, where);
      if (passphrase === undefined) throw problem(`${where}.passphrase`, "is missing", keys.number);
      return { kind: "wpa2-wpa3", ...(pmf === "required" ? { pmf } : {}), ...sha256, passphrase, ...rest };
    }
    default:
      throw problem(where, "wpa_key_mgmt is none of OWE, WPA-PSK, SAE, or the last two", keys.number);
  }
}

function readWpa2(section: Section, where: string, keys: Line) {
  const { passphrase, psk, groupRekeyS } = readRows(section, WPA2_ROWS, where);
  const rekey = groupRekeyS === undefined ? {} : { groupRekeyS };
  if (passphrase !== undefined && psk === undefined) return { passphrase, ...rekey };
  if (psk !== undefined && passphrase === undefined) return { psk, ...rekey };
  throw problem(where, "either a passphrase or a key is needed", keys.number);
}

function readPmf(section: Section, where: string): Pmf {
  const line = section.take("ieee80211w");
  if (line === undefined) return "none";
  const found = (["none", "optional", "required"] as const).find((pmf) => PMF_CODES[pmf] === line.value);
  if (found === undefined) throw problem(where, "ieee80211w is none of 0, 1, 2", line.number);
  return found;
}

function readTransition(section: Section, where: string): { transition?: OweTransition } {
  const values = readRows(section, TRANSITION_ROWS, `${where}.transition`);
  const { interface: name, ssid, bssid } = values;
  if (name !== undefined && ssid === undefined && bssid === undefined)
    return { transition: { interface: name } };
  if (ssid !== undefined && bssid !== undefined && name === undefined) return { transition: { ssid, bssid } };
  if (Object.keys(values).length === 0) return {};
  throw problem(`${where}.transition`, "has either an interface, or a name and an address");
}
