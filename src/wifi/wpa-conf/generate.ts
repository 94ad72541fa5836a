import { writeRows } from "../hostap-syntax/index.ts";
import { meshLines } from "./mesh-lines.ts";
import type { WpaOptions } from "./options.ts";
import { stationLines } from "./station-lines.ts";
import { WpaConfError } from "./wpa-conf-error.ts";
import { GLOBAL_ROWS } from "./wpa-rows.ts";
import { wpaProblems } from "./wpa-rules.ts";

/**
 * The file that wpa_supplicant 2.10 reads (wpa_supplicant.conf(5)).
 *
 * @example
 * generateWpaConf({
 *   country: "DE",
 *   networks: [
 *     {
 *       mode: "mesh",
 *       ssid: "boxes",
 *       frequencyMhz: 2412,
 *       widthMhz: 20,
 *       security: { kind: "sae", password },
 *       forwarding: false,
 *     },
 *   ],
 * });
 * @throws {WpaConfError} with every problem, each by its field: `networks[1].ssid`
 */
export function generateWpaConf(options: WpaOptions): string {
  validateWpaOptions(options);
  const mesh = options.networks.some((network) => network.mode === "mesh");
  const networks = options.networks.flatMap((network) => [
    "network={",
    ...(network.mode === "mesh" ? meshLines(network) : stationLines(network)).map((line) => `\t${line}`),
    "}",
  ]);
  const lines = [
    ...controlLines(options),
    ...(mesh ? ["user_mpm=1"] : []),
    ...writeRows(options, GLOBAL_ROWS),
    ...networks,
  ];
  return `${lines.join("\n")}\n`;
}

/**
 * Finds everything that is wrong with options, alone and together.
 * @throws {WpaConfError}
 */
export function validateWpaOptions(options: WpaOptions): void {
  const problems = [...wpaProblems(options)];
  if (problems.length > 0) throw new WpaConfError(problems);
}

function controlLines({ controlDirectory, controlGroupId }: WpaOptions): string[] {
  if (controlDirectory === undefined) return [];
  const group = controlGroupId === undefined ? "" : ` GROUP=${controlGroupId}`;
  return [`ctrl_interface=DIR=${controlDirectory}${group}`];
}
