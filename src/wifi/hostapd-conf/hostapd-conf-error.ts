import { ConfError } from "../hostap-syntax/index.ts";

/** What is wrong with options for hostapd, or with its file: `bss[1].ssid: …`, `line 7: nonsense: …` */
export class HostapdConfError extends ConfError {
  override readonly name = "HostapdConfError";
}

export function problem(field: string, why: string, line?: number): HostapdConfError {
  return new HostapdConfError([line === undefined ? { field, why } : { field, why, line }]);
}
