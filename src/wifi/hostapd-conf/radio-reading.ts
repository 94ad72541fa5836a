import { faultText, type Line, readRows, type Section } from "../hostap-syntax/index.ts";
import { CHANNEL_14, centreOf, type OperatingChannel, secondaryOf, type WidthMhz } from "./channel.ts";
import { problem } from "./hostapd-conf-error.ts";
import type { RadioOptions } from "./options.ts";
import { CLASSES_6GHZ, htCapab } from "./radio-lines.ts";
import { HE_ROWS, HT_ROWS, RADIO_ROWS, VHT_ROWS } from "./radio-rows.ts";

const HT40 = /\[HT40([+-])\]/g;

/**
 * Takes the lines of a radio out of a file's first section.
 * @throws {HostapdConfError} with the line
 */
export function readRadio(section: Section): RadioOptions {
  const rows = readRows(section, RADIO_ROWS, "radio");
  const mode = required(section, "hw_mode");
  const number = required(section, "channel");
  const operatingClass = section.take("op_class");
  const [n, ac, ax] = [on(section, "ieee80211n"), on(section, "ieee80211ac"), on(section, "ieee80211ax")];
  const capabilities = n ? section.take("ht_capab") : undefined;
  const sides = [...(capabilities?.value ?? "").matchAll(HT40)].map(([, side]) => (side === "+" ? "+" : "-"));
  if (sides.length > 1)
    throw problem("radio.channel", "a second channel is above or below, not both", capabilities?.number);
  const [secondary] = sides;
  const centres = (["vht", "he"] as const)
    .filter((kind) => (kind === "vht" ? ac : ax))
    .map((kind) => ({
      width: section.take(`${kind}_oper_chwidth`),
      centre: section.take(`${kind}_oper_centr_freq_seg0_idx`),
    }));
  const channel = channelOf(
    mode,
    number,
    operatingClass,
    secondary,
    centres.map(({ width }) => width),
  );
  for (const { centre } of centres) checkCentre(channel, centre);
  if (channel.band === "5GHz" && centreOf(channel) !== undefined && secondary !== secondaryOf(channel))
    throw problem(
      "radio.channel",
      `the second channel of ${number.value} is not there`,
      capabilities?.number,
    );
  return {
    ...rows,
    channel,
    ...(n
      ? { ht: { capabilities: htCapabilities(capabilities), ...readRows(section, HT_ROWS, "radio.ht") } }
      : {}),
    ...(ac ? { vht: { capabilities: [], ...readRows(section, VHT_ROWS, "radio.vht") } } : {}),
    ...(ax ? { he: readRows(section, HE_ROWS, "radio.he") } : {}),
  };
}

function htCapabilities(line: Line | undefined) {
  const names = htCapab.decode((line?.value ?? "").replace(HT40, ""));
  if (names === undefined)
    throw problem("radio.ht.capabilities", faultText(line?.value, htCapab.form), line?.number);
  return names;
}

function channelOf(
  mode: Line,
  number: Line,
  operatingClass: Line | undefined,
  secondary: "+" | "-" | undefined,
  widths: readonly (Line | undefined)[],
): OperatingChannel {
  if (!/^[1-9]\d{0,2}$/.test(number.value))
    throw problem("radio.channel.number", faultText(number.value, "a channel's number"), number.number);
  const channel = { number: Number(number.value) };
  if (operatingClass !== undefined) {
    const widthMhz = keyOf(CLASSES_6GHZ, operatingClass.value);
    if (widthMhz === undefined)
      throw problem(
        "radio.channel.widthMhz",
        faultText(operatingClass.value, "a class of 6 GHz"),
        operatingClass.number,
      );
    return { band: "6GHz", ...channel, widthMhz };
  }
  const narrow = secondary === undefined ? 20 : 40;
  const band = { a: "5GHz", g: "2.4GHz", b: "2.4GHz" } as const;
  const { value } = mode;
  if (value !== "a" && value !== "g" && value !== "b")
    throw problem("radio.channel.band", faultText(value, "one of a, b, g"), mode.number);
  if ((value === "b") !== (band[value] === "2.4GHz" && channel.number === CHANNEL_14))
    throw problem("radio.channel.band", "802.11b alone (b) is for channel 14 alone", mode.number);
  const found = widths.map((line) => {
    if (line === undefined || line.value === "0") return narrow;
    if (line.value === "1" || line.value === "2") return line.value === "1" ? 80 : 160;
    throw problem("radio.channel.widthMhz", faultText(line.value, "one of 0, 1, 2"), line.number);
  });
  const [widthMhz = narrow, other = widthMhz] = found;
  if (other !== widthMhz)
    throw problem(
      "radio.channel.widthMhz",
      `802.11ac has ${widthMhz} MHz, 802.11ax ${other} MHz`,
      widths[1]?.number,
    );
  const side = band[value] === "2.4GHz" && secondary !== undefined ? { secondary } : {};
  return { band: band[value], ...channel, widthMhz, ...side };
}

function checkCentre(channel: OperatingChannel, line: Line | undefined): void {
  const centre = centreOf(channel);
  // Where it is not needed, 0 is as good as none.
  const unset = line === undefined || (line.value === "0" && channel.widthMhz < 80);
  if (unset || centre === undefined || line.value === String(centre)) return;
  const { number, widthMhz } = channel;
  throw problem(
    "radio.channel",
    `the middle of ${widthMhz} MHz with channel ${number} is ${centre}, not ${line.value}`,
    line.number,
  );
}

function keyOf(table: Readonly<Record<WidthMhz, string>>, value: string): WidthMhz | undefined {
  return ([20, 40, 80, 160] as const).find((width) => table[width] === value);
}

function required(section: Section, key: string): Line {
  const line = section.take(key);
  if (line === undefined) throw problem(key, "is missing");
  return line;
}

function on(section: Section, key: string): boolean {
  const line = section.take(key);
  if (line !== undefined && line.value !== "0" && line.value !== "1")
    throw problem(key, faultText(line.value, "0 or 1"), line.number);
  return line?.value === "1";
}
