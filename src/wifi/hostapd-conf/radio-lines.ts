import { writeRows } from "../hostap-syntax/index.ts";
import { capabilityCodec, HT_CAPABILITIES } from "./capabilities.ts";
import { CHANNEL_14, centreOf, type OperatingChannel, secondaryOf, type WidthMhz } from "./channel.ts";
import type { RadioOptions } from "./options.ts";
import { HE_ROWS, HT_ROWS, RADIO_ROWS, VHT_ROWS } from "./radio-rows.ts";

export const htCapab = capabilityCodec(HT_CAPABILITIES);

/** Operating classes of 6 GHz (802.11-2020, table E-4). */
export const CLASSES_6GHZ: Readonly<Record<WidthMhz, string>> = {
  20: "131",
  40: "132",
  80: "133",
  160: "134",
};

/** hostapd's numbers of widths: 20 and 40 MHz are told apart by ht_capab. */
const WIDTH_CODES: Readonly<Record<WidthMhz, string>> = { 20: "0", 40: "0", 80: "1", 160: "2" };

/** The lines that all networks of a radio share. */
export function radioLines(radio: RadioOptions): string[] {
  const { channel, ht, vht, he } = radio;
  return [
    ...writeRows(radio, RADIO_ROWS),
    `hw_mode=${hardwareMode(channel)}`,
    ...(channel.band === "6GHz" ? [`op_class=${CLASSES_6GHZ[channel.widthMhz]}`] : []),
    `channel=${channel.number}`,
    ...(ht === undefined
      ? []
      : [
          "ieee80211n=1",
          `ht_capab=${ht40(channel)}${htCapab.encode(ht.capabilities)}`,
          ...writeRows(ht, HT_ROWS),
        ]),
    ...(vht === undefined
      ? []
      : ["ieee80211ac=1", ...writeRows(vht, VHT_ROWS), ...widthLines("vht", channel)]),
    ...(he === undefined ? [] : ["ieee80211ax=1", ...writeRows(he, HE_ROWS), ...widthLines("he", channel)]),
  ];
}

function hardwareMode({ band, number }: OperatingChannel): "a" | "b" | "g" {
  if (band !== "2.4GHz") return "a";
  return number === CHANNEL_14 ? "b" : "g";
}

function ht40(channel: OperatingChannel): string {
  const secondary = secondaryOf(channel);
  return secondary === undefined ? "" : `[HT40${secondary}]`;
}

function widthLines(kind: "vht" | "he", channel: OperatingChannel): string[] {
  const width = `${kind}_oper_chwidth=${WIDTH_CODES[channel.widthMhz]}`;
  // Narrower ones need no middle, but for 6 GHz, where ht_capab does not tell 20 from 40 MHz.
  if (channel.widthMhz < 80 && channel.band !== "6GHz") return [width];
  return [width, `${kind}_oper_centr_freq_seg0_idx=${centreOf(channel)}`];
}
