import { faultText, readRows, rowsOf, type Section, writeRows } from "../hostap-syntax/index.ts";
import type { MeshNetwork } from "./options.ts";
import { problem } from "./wpa-conf-error.ts";
import { MESH_ROWS, saePassword } from "./wpa-rows.ts";

type Width = NonNullable<MeshNetwork["widthMhz"]>;

/**
 * How wpa_supplicant is kept from taking the widest channel that it can (ibss_mesh_setup_freq in its
 * wpa_supplicant.c). With 40 MHz it would do 802.11ac only in the lower half of 80: so it does none.
 */
const WIDTHS: Readonly<Record<Width, Readonly<Record<string, string>>>> = {
  20: { disable_ht40: "1", disable_vht: "1" },
  40: { disable_vht: "1" },
  80: { max_oper_chwidth: "1" },
  160: { max_oper_chwidth: "2" },
};
const WIDTH_KEYS = ["disable_ht40", "disable_vht", "max_oper_chwidth"] as const;

export const MESH_PASSWORD_ROWS = [
  rowsOf<{ password?: string }>()("sae_password", "password", saePassword, "secret"),
];

export function meshLines(mesh: MeshNetwork): string[] {
  const width = mesh.widthMhz === undefined ? {} : WIDTHS[mesh.widthMhz];
  const security =
    mesh.security.kind === "sae"
      ? ["key_mgmt=SAE", ...writeRows(mesh.security, MESH_PASSWORD_ROWS), "ieee80211w=2"]
      : ["key_mgmt=NONE"];
  return [
    "mode=5",
    ...writeRows(mesh, MESH_ROWS),
    ...Object.entries(width).map(([key, value]) => `${key}=${value}`),
    ...security,
  ];
}

/**
 * @param where `networks[0]`
 * @throws {WpaConfError} with the line
 */
export function readMesh(section: Section, where: string): MeshNetwork {
  const { ssid, frequencyMhz, ...rest } = readRows(section, MESH_ROWS, where);
  if (ssid === undefined) throw problem(`${where}.ssid`, "is missing");
  if (frequencyMhz === undefined) throw problem(`${where}.frequencyMhz`, "is missing");
  const widthMhz = readWidth(section, where);
  const security = readSecurity(section, `${where}.security`);
  return {
    mode: "mesh",
    ssid,
    frequencyMhz,
    security,
    ...rest,
    ...(widthMhz === undefined ? {} : { widthMhz }),
  };
}

function readWidth(section: Section, where: string): Width | undefined {
  const lines = WIDTH_KEYS.map((key) => section.take(key)).filter((line) => line !== undefined);
  if (lines.length === 0) return undefined;
  const found = new Map(lines.map(({ key, value }) => [key, value]));
  const width = ([20, 40, 80, 160] as const).find((each) => {
    const wanted = Object.entries(WIDTHS[each]);
    return wanted.length === found.size && wanted.every(([key, value]) => found.get(key) === value);
  });
  if (width === undefined)
    throw problem(`${where}.widthMhz`, `${WIDTH_KEYS.join(", ")} say no width together`, lines[0]?.number);
  return width;
}

function readSecurity(section: Section, where: string): MeshNetwork["security"] {
  const keys = section.take("key_mgmt");
  if (keys?.value === "NONE") return { kind: "open" };
  if (keys?.value !== "SAE")
    throw problem(
      where,
      keys === undefined ? "key_mgmt is missing" : faultText(keys.value, "SAE or NONE"),
      keys?.number,
    );
  const pmf = section.take("ieee80211w");
  if (pmf?.value !== "2") throw problem(where, "SAE needs ieee80211w=2", (pmf ?? keys).number);
  const { password } = readRows(section, MESH_PASSWORD_ROWS, where);
  if (password === undefined) throw problem(`${where}.password`, "is missing", keys.number);
  return { kind: "sae", password };
}
