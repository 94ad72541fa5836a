import { faultText, flag, readRows, rowsOf, type Section, writeRows } from "../hostap-syntax/index.ts";
import type { StationNetwork, StationSecurity } from "./options.ts";
import { type Wpa2Key, wpa2Key } from "./passphrase-key.ts";
import { problem } from "./wpa-conf-error.ts";
import { STATION_ROWS, saePassword } from "./wpa-rows.ts";

const PMF = { none: "0", optional: "1", required: "2" } as const;
type Pmf = keyof typeof PMF;

interface Secrets {
  key?: Wpa2Key;
  password?: string;
  only?: boolean;
}

const row = rowsOf<Secrets>();
export const KEY_ROWS = [row("psk", "key", wpa2Key, "secret")];
export const PASSWORD_ROWS = [row("sae_password", "password", saePassword, "secret")];
const OWE_ROWS = [row("owe_only", "only", flag)];

export function stationLines(station: StationNetwork): string[] {
  return [...writeRows(station, STATION_ROWS), ...securityLines(station.security)];
}

function securityLines(security: StationSecurity): string[] {
  switch (security.kind) {
    case "open":
      return ["key_mgmt=NONE"];
    case "owe":
      return [...rsn("OWE", "required"), ...writeRows(security, OWE_ROWS)];
    case "wpa2":
      return [...rsn(psk(security), security.pmf ?? "none"), ...writeRows({ key: security }, KEY_ROWS)];
    case "wpa3":
      return [...rsn("SAE", "required"), ...writeRows(security, PASSWORD_ROWS)];
    case "wpa2-wpa3":
      return [
        ...rsn(`${psk(security)} SAE`, "optional"),
        ...writeRows({ key: security }, KEY_ROWS),
        ...writeRows(security, PASSWORD_ROWS),
      ];
  }
}

function psk({ sha256 }: { sha256?: true }): string {
  return sha256 === true ? "WPA-PSK WPA-PSK-SHA256" : "WPA-PSK";
}

/** RSN and CCMP alone: nothing of WPA's first version is accepted, whatever the access point offers. */
function rsn(keys: string, pmf: Pmf): string[] {
  return ["proto=RSN", `key_mgmt=${keys}`, "pairwise=CCMP", `ieee80211w=${PMF[pmf]}`];
}

/**
 * @param where `networks[0]`
 * @throws {WpaConfError} with the line
 */
export function readStation(section: Section, where: string): StationNetwork {
  const { ssid, ...rest } = readRows(section, STATION_ROWS, where);
  if (ssid === undefined) throw problem(`${where}.ssid`, "is missing");
  return { mode: "station", ssid, security: readSecurity(section, `${where}.security`), ...rest };
}

function readSecurity(section: Section, where: string): StationSecurity {
  const keys = section.take("key_mgmt");
  // wpa_supplicant's default: WPA-PSK WPA-EAP.
  if (keys === undefined) throw problem(where, "key_mgmt is missing");
  if (keys.value === "NONE") return { kind: "open" };
  const names = new Set(keys.value.split(" "));
  const sha256 = names.delete("WPA-PSK-SHA256") ? { sha256: true as const } : {};
  if ("sha256" in sha256 && !names.has("WPA-PSK"))
    throw problem(where, "WPA-PSK-SHA256 is asked for beside WPA-PSK alone", keys.number);
  for (const [key, value] of [
    ["proto", "RSN"],
    ["pairwise", "CCMP"],
  ] as const) {
    const line = section.take(key);
    if (line !== undefined && line.value !== value)
      throw problem(where, `${key} is not ${value}`, line.number);
  }
  const pmf = readPmf(section, where);
  const need = (needed: Pmf) => {
    if (pmf !== needed) throw problem(where, `${keys.value} needs ieee80211w=${PMF[needed]}`, keys.number);
  };
  const secrets = readRows(section, [...KEY_ROWS, ...PASSWORD_ROWS, ...OWE_ROWS], where);
  const { key, password, only } = secrets;
  const kind = [...names].sort().join(" ");
  const given = Object.keys(secrets).join(" ");
  if (kind === "OWE" && /^(?:only)?$/.test(given)) {
    need("required");
    return { kind: "owe", ...(only === undefined ? {} : { only }) };
  }
  if (kind === "WPA-PSK" && key !== undefined && given === "key")
    return { kind: "wpa2", ...sha256, ...(pmf === "none" ? {} : { pmf }), ...key };
  if (kind === "SAE" && password !== undefined && given === "password") {
    need("required");
    return { kind: "wpa3", password };
  }
  if (kind === "SAE WPA-PSK" && key !== undefined && "passphrase" in key && only === undefined) {
    need("optional");
    return { kind: "wpa2-wpa3", ...key, ...sha256, ...(password === undefined ? {} : { password }) };
  }
  throw problem(
    where,
    faultText(
      keys.value,
      "OWE, WPA-PSK with psk, SAE with sae_password, or both with psk in quotation marks",
    ),
    keys.number,
  );
}

function readPmf(section: Section, where: string): Pmf {
  const line = section.take("ieee80211w");
  if (line === undefined) return "none";
  const found = (["none", "optional", "required"] as const).find((pmf) => PMF[pmf] === line.value);
  if (found === undefined) throw problem(where, faultText(line.value, "one of 0, 1, 2"), line.number);
  return found;
}
