import {
  choice,
  faultText,
  flag,
  integer,
  macAddress,
  quoted,
  readRows,
  rowsOf,
  type Section,
  text,
  unquoted,
  utf8Text,
  writeRows,
} from "../hostap-syntax/index.ts";
import { problem } from "./hostapd-conf-error.ts";
import type { Interworking } from "./options.ts";

const row = rowsOf<Interworking>();
const venue = rowsOf<NonNullable<Interworking["venue"]>>();

export const INTERWORKING_ROWS = [
  row("access_network_type", "accessNetworkType", integer(0, 15)),
  row("internet", "internet", flag),
  row("asra", "additionalStep", flag),
  row("esr", "emergencyServices", flag),
  row("uesa", "unauthenticatedEmergency", flag),
  row("hessid", "hessid", macAddress),
];
export const VENUE_ROWS = [
  venue("venue_group", "group", integer(0, 255)),
  venue("venue_type", "type", integer(0, 255)),
];

export const LANGUAGE = text("2 or 3 small letters", /^[a-z]{2,3}$/, 3);
/** hostapd takes what follows the first colon up to its end, a 0 in it too. */
export const VENUE_NAME = text("a name of 1 to 252 bytes", /^.+$/s, 252);
export const URL_TEXT = text("an http address of up to 250 bytes", /^https?:\/\/[!-~]+$/, 250);
/** IEEE 802.11-2020, table 9-332. */
const AUTHENTICATION = choice({ terms: "00", enrolment: "01", "http-redirect": "02", "dns-redirect": "03" });

export function interworkingLines(options: Interworking): string[] {
  const { networkAuthentication: step, venueNames = [] } = options;
  return [
    "interworking=1",
    ...writeRows(options, INTERWORKING_ROWS),
    ...(options.venue === undefined ? [] : writeRows(options.venue, VENUE_ROWS)),
    ...venueNames.map(({ language, name }) => `venue_name=${quoted(`${language}:${name}`)}`),
    ...(step === undefined ? [] : [`network_auth_type=${AUTHENTICATION.encode(step.kind)}${step.url ?? ""}`]),
  ];
}

/**
 * @param where `bss[1].interworking`
 * @throws {HostapdConfError} with the line
 */
export function readInterworking(section: Section, where: string): Interworking | undefined {
  const switched = section.take("interworking");
  if (switched === undefined || switched.value === "0") return undefined;
  if (switched.value !== "1") throw problem(where, faultText(switched.value, flag.form), switched.number);
  const options: Interworking = readRows(section, INTERWORKING_ROWS, where);
  const { group, type } = readRows(section, VENUE_ROWS, `${where}.venue`);
  if (group !== undefined || type !== undefined) options.venue = { group: group ?? 0, type: type ?? 0 };
  const names = section.takeAll("venue_name").map(({ value, number }) => {
    const bytes = value.startsWith('"') || value.startsWith('P"') ? unquoted(value) : Buffer.from(value);
    const [, language, name] = /^([^:]*):(.*)$/s.exec((bytes && utf8Text(bytes)) ?? "") ?? [];
    if (language === undefined || name === undefined)
      throw problem(`${where}.venueNames`, faultText(value, "language:name"), number);
    return { language, name };
  });
  if (names.length > 0) options.venueNames = names;
  const step = section.take("network_auth_type");
  if (step !== undefined) {
    const kind = AUTHENTICATION.decode(step.value.slice(0, 2));
    const url = step.value.slice(2);
    if (kind === undefined)
      throw problem(
        `${where}.networkAuthentication`,
        faultText(step.value, AUTHENTICATION.form),
        step.number,
      );
    options.networkAuthentication = url === "" ? { kind } : { kind, url };
  }
  return options;
}
