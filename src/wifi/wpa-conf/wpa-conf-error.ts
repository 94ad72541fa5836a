import { ConfError } from "../hostap-syntax/index.ts";

/** What is wrong with options for wpa_supplicant, or with its file: `networks[1].ssid: …`, `line 7: nonsense: …` */
export class WpaConfError extends ConfError {
  override readonly name = "WpaConfError";
}

export function problem(field: string, why: string, line?: number): WpaConfError {
  return new WpaConfError([line === undefined ? { field, why } : { field, why, line }]);
}
