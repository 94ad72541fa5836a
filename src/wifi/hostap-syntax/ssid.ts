import { quoted, unquoted, utf8Bytes, utf8Text } from "./quoted-string.ts";
import type { ValueCodec } from "./value-codec.ts";

/** The name of a network: a text, or, where its 1 to 32 bytes are no UTF-8, these in hex. */
export type Ssid = string | { hex: string };

const MAX_BYTES = 32;
const NONE = new Uint8Array();

/** Of a name that is none (half a surrogate pair, odd hex): no bytes. */
export function ssidBytes(ssid: Ssid): Uint8Array {
  if (typeof ssid === "string") return utf8Bytes(ssid) ?? NONE;
  return /^(?:[0-9a-f]{2})*$/.test(ssid.hex) ? Buffer.from(ssid.hex, "hex") : NONE;
}

/** As text where the bytes are UTF-8, otherwise as hex. */
export function ssidOf(bytes: Uint8Array): Ssid {
  return utf8Text(bytes) ?? { hex: Buffer.from(bytes).toString("hex") };
}

/** Values of hostapd's ssid2 and owe_transition_ssid, and of wpa_supplicant's ssid. */
export const ssidCodec: ValueCodec<Ssid> = {
  form: "a name of 1 to 32 bytes: UTF-8, or { hex } with pairs of small digits where it is none",
  fits: (ssid) => {
    const bytes = ssidBytes(ssid);
    if (bytes.length === 0 || bytes.length > MAX_BYTES) return false;
    return typeof ssid === "string" || utf8Text(bytes) === undefined;
  },
  encode: (ssid) => (typeof ssid === "string" ? quoted(ssid) : ssid.hex),
  decode: (text) => {
    const bytes = unquoted(text);
    return bytes === undefined ? undefined : ssidOf(bytes);
  },
};
