import { stringify } from "smol-toml";

/**
 * The files in which Raspberry Pi Imager leaves its own settings on a card: for cloud-init from its version 2 on, before
 * that as a script (its src/customization_generator.cpp).
 */
export const IMAGER_FILES = ["user-data", "network-config", "firstrun.sh"] as const;

/** What the imager calls a machine whose name nobody has chosen. */
const NO_NAME = "raspberrypi";

/**
 * An `omerta.toml` of what somebody has set in Raspberry Pi Imager, as far as a box has use for it: the name and the country.
 * Users, SSH and the time zone it has none for, and of a Wi-Fi's password the imager writes a hash alone. The imager writes
 * these files always alike; they are read line by line, for what is known.
 * @param read the text of a file of that name, or undefined
 * @returns undefined where nothing of use is said
 */
export function configOfImager(read: (name: string) => string | undefined): string | undefined {
  const [userData = "", network = "", script = ""] = IMAGER_FILES.map(read);
  const name =
    /^hostname:[ \t]*["']?([\w.-]{1,60})/m.exec(userData)?.[1] ??
    /\bset_hostname[ \t]+["']?([\w.-]{1,60})/.exec(script)?.[1];
  const country =
    /^ *regulatory-domain:[ \t]*["']?([A-Z]{2})\b/m.exec(network)?.[1] ??
    /\bset_wlan\b.*[ \t]["']?([A-Z]{2})["']?[ \t]*$/m.exec(script)?.[1] ??
    /^[ \t]*country=([A-Z]{2})\b/m.exec(script)?.[1];
  const table = {
    ...(name === undefined || name === NO_NAME ? {} : { box: { name } }),
    ...(country === undefined ? {} : { wifi: { country } }),
  };
  return Object.keys(table).length === 0 ? undefined : stringify(table);
}
