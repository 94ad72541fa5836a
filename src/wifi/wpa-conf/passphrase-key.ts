import { passphrase, presharedKey, type ValueCodec } from "../hostap-syntax/index.ts";
import { uncommented } from "./uncommented.ts";

/** A passphrase of WPA2, or the key made of it and the network's name. */
export type Wpa2Key = { passphrase: string } | { psk: string };

/** psk has the one in quotation marks, which knows no escapes, and the other without. */
export const wpa2Key: ValueCodec<Wpa2Key> = {
  form: `${passphrase.form} (without # where quotation marks before it are odd; its key can be given instead), or ${presharedKey.form}`,
  fits: (key) => {
    if ("psk" in key) return presharedKey.fits(key.psk) && !("passphrase" in key);
    const line = `psk="${key.passphrase}"`;
    return passphrase.fits(key.passphrase) && uncommented(line) === line;
  },
  encode: (key) => ("psk" in key ? key.psk : `"${key.passphrase}"`),
  decode: (value) => {
    const [, inner] = /^"(.*)"$/.exec(value) ?? [];
    return inner === undefined ? { psk: value.toLowerCase() } : { passphrase: inner };
  },
};
