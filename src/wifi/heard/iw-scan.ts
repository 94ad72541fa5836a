import { linesOf } from "../inventory/inventory-error.ts";
import type { HeardNetwork } from "./heard-network.ts";

/** A city block has a few hundred. */
const MAX_NETWORKS = 1_024;

/**
 * Reads `iw dev … scan` or `iw dev … scan dump`. Names come as iw writes them, with `\x` before bytes that are no plain
 * ASCII, and are turned back into UTF-8; a name that is none stays as it is.
 * @throws {InventoryError} when it is larger than any real one
 */
export function parseIwScan(text: string): HeardNetwork[] {
  const found: HeardNetwork[] = [];
  let one: Partial<HeardNetwork> = {};
  const keep = () => {
    const { bssid, frequencyMhz, signalDbm, ssid = "", beaconIntervalTu } = one;
    if (bssid === undefined || frequencyMhz === undefined || signalDbm === undefined) return;
    if (found.length < MAX_NETWORKS) found.push({ ssid, bssid, frequencyMhz, signalDbm, beaconIntervalTu });
  };
  for (const line of linesOf("iw scan", text)) {
    const bssid = /^BSS ([0-9a-f]{2}(?::[0-9a-f]{2}){5})\b/.exec(line)?.[1];
    if (bssid !== undefined) {
      keep();
      one = { bssid };
    }
    const frequency = /^freq: (\d{4})(?:\.\d)?$/.exec(line)?.[1];
    const signal = /^signal: (-?\d{1,3}\.\d\d) dBm$/.exec(line)?.[1];
    const interval = /^beacon interval: (\d{1,5}) TUs$/.exec(line)?.[1];
    const ssid = /^SSID: (.{1,128})$/.exec(line)?.[1];
    if (frequency !== undefined) one.frequencyMhz = Number(frequency);
    if (signal !== undefined) one.signalDbm = Number(signal);
    if (interval !== undefined && Number(interval) > 0) one.beaconIntervalTu = Number(interval);
    if (ssid !== undefined) one.ssid ??= nameOf(ssid);
  }
  keep();
  return found;
}

/** iw, util.c, print_ssid_escaped: bytes other than printable ASCII, and the backslash, as `\x5c`. */
function nameOf(escaped: string): string {
  const bytes: number[] = [];
  for (let index = 0; index < escaped.length; index += 1) {
    const hex = /^\\x([0-9a-f]{2})/.exec(escaped.slice(index, index + 4))?.[1];
    if (hex !== undefined) index += 3;
    bytes.push(hex === undefined ? escaped.charCodeAt(index) & 0xff : Number.parseInt(hex, 16));
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(new Uint8Array(bytes)).replaceAll("\0", "");
  } catch {
    return escaped;
  }
}
