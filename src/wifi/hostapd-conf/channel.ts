/** Where a radio is: its band, the channel that all stations know, and how wide. */
export interface OperatingChannel {
  band: "2.4GHz" | "5GHz" | "6GHz";
  /** Of the primary 20 MHz: 1, 36, … */
  number: number;
  widthMhz: WidthMhz;
  /** With 40 MHz on 2.4 GHz alone: whether the second 20 MHz are above or below. Elsewhere the channel says it. */
  secondary?: "+" | "-";
}

export type WidthMhz = 20 | 40 | 80 | 160;

/** First and last channel of each stretch that is cut into wider channels from its lower end (802.11-2020, annex E). */
const STRETCHES: Readonly<Record<"5GHz" | "6GHz", readonly (readonly [number, number])[]>> = {
  "5GHz": [
    [36, 64],
    [100, 144],
    [149, 177],
  ],
  "6GHz": [[1, 233]],
};

/** Channels of 5 GHz whose users must give way to radar in most countries. */
const RADAR = [52, 144] as const;

const HIGHEST_24GHZ = 13;
/** Of Japan, for 802.11b alone, and apart from the others. */
export const CHANNEL_14 = 14;

/** The channels between which a channel of this width lies, its own primary among them. */
function block({
  band,
  number,
  widthMhz,
  secondary,
}: OperatingChannel): readonly [number, number] | undefined {
  if (!Number.isInteger(number)) return undefined;
  if (band === "2.4GHz") return block24GHz(number, widthMhz, secondary);
  const stretch = STRETCHES[band].find(([first, last]) => number >= first && number <= last);
  if (stretch === undefined || (number - stretch[0]) % 4 !== 0) return undefined;
  const step = widthMhz / 5;
  const first = number - ((number - stretch[0]) % step);
  const last = first + step - 4;
  return last <= stretch[1] ? [first, last] : undefined;
}

function block24GHz(number: number, widthMhz: WidthMhz, secondary?: "+" | "-"): [number, number] | undefined {
  if (number < 1 || number > CHANNEL_14) return undefined;
  if (widthMhz === 20) return [number, number];
  if (widthMhz !== 40 || secondary === undefined || number === CHANNEL_14) return undefined;
  const other = secondary === "+" ? number + 4 : number - 4;
  return other < 1 || other > HIGHEST_24GHZ ? undefined : [Math.min(number, other), Math.max(number, other)];
}

/** The channel's middle, as hostapd counts it (`vht_oper_centr_freq_seg0_idx`); undefined: there is no such channel. */
export function centreOf(channel: OperatingChannel): number | undefined {
  const between = block(channel);
  return between === undefined ? undefined : (between[0] + between[1]) / 2;
}

/** On which side of the primary the second 20 MHz lie; undefined with 20 MHz, or where there is no such channel. */
export function secondaryOf(channel: OperatingChannel): "+" | "-" | undefined {
  if (channel.widthMhz === 20 || centreOf(channel) === undefined) return undefined;
  if (channel.band === "2.4GHz") return channel.secondary;
  const pair = centreOf({ ...channel, widthMhz: 40 });
  return pair !== undefined && pair < channel.number ? "-" : "+";
}

/** Whether some of it lies where radar is looked for. */
export function hasRadar(channel: OperatingChannel): boolean {
  const between = block(channel);
  return channel.band === "5GHz" && between !== undefined && between[1] >= RADAR[0] && between[0] <= RADAR[1];
}

/** The middle of the primary 20 MHz. */
export function primaryFrequencyMhz({ band, number }: Pick<OperatingChannel, "band" | "number">): number {
  if (band === "2.4GHz") return number === CHANNEL_14 ? 2484 : 2407 + 5 * number;
  return (band === "5GHz" ? 5000 : 5950) + 5 * number;
}
