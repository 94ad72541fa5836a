import { createHmac } from "node:crypto";
import { STATION_BYTES } from "./statement.ts";

const PURPOSE = "omerta-box roaming station 1";
/** Names that are remembered; more stations than a box has guests are not looked up over and over. */
const MAX_REMEMBERED = 20_000;

/**
 * What boxes of one network call a station among themselves: HMAC-SHA256 (RFC 2104) of its MAC address, its first 16 bytes, by
 * a key that HMAC-SHA256 makes of the network's shared key and this purpose. Phones that make up their MAC address have one
 * for each network name (SSID), so it is the same at every box that bears the name.
 * @param mac six bytes in hex with colons, lower case
 */
export function stationName(sharedKey: Uint8Array, mac: string): Uint8Array {
  const key = createHmac("sha256", sharedKey).update(PURPOSE).digest();
  const digest = createHmac("sha256", key)
    .update(Buffer.from(mac.replaceAll(":", ""), "hex"))
    .digest();
  return Uint8Array.from(digest.subarray(0, STATION_BYTES));
}

/** The names of stations by each shared key that still holds, remembered. */
export class StationNames {
  private readonly known = new Map<string, readonly string[]>();

  /** @param sharedKeys the newest first; call {@link forget} when there are others */
  constructor(private readonly sharedKeys: () => readonly Uint8Array[]) {}

  /** In hex, by the newest key first. */
  of(mac: string): readonly string[] {
    const known = this.known.get(mac);
    if (known) return known;
    if (this.known.size >= MAX_REMEMBERED) this.known.clear();
    const names = this.sharedKeys().map((key) => Buffer.from(stationName(key, mac)).toString("hex"));
    this.known.set(mac, names);
    return names;
  }

  forget(): void {
    this.known.clear();
  }
}
