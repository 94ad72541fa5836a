import type { HeardNetwork } from "../heard/heard-network.ts";
import { blockOf } from "../inventory/channel-widths.ts";
import type { Channel, Radio } from "../radio-inventory.ts";
import type { PlannedChannel } from "./radio-plan.ts";

/** Primary channels of 20 MHz; some chips list those between too, on which nobody meets. */
const PRIMARY_5GHZ = [
  36, 40, 44, 48, 52, 56, 60, 64, 100, 104, 108, 112, 116, 120, 124, 128, 132, 136, 140, 144, 149, 153, 157,
  161, 165, 169, 173, 177,
];

/** Those at 2.4 GHz that leave each other alone, in every country. */
const APART_24GHZ = [1, 6, 11];

/** Networks weaker than this are noise. */
const NOISE_DBM = -95;

/**
 * Whether an access point or a mesh may be on a channel: allowed here, without hearing anybody first, and where no radar
 * can drive it away. 6 GHz allows no open network (IEEE 802.11ax, 12.12.2), and old phones do not hear it.
 */
export function mayOpen({ disabled, noIr, dfs, band, number }: Channel): boolean {
  if (disabled || noIr || dfs) return false;
  if (band === "2.4GHz") return number <= 13;
  return band === "5GHz" && PRIMARY_5GHZ.includes(number);
}

/**
 * Of several channels the one that is least occupied; of equal ones the first.
 * @param heard networks of others, and the box's own on other radios
 */
export function leastOccupied(
  channels: readonly Channel[],
  heard: readonly HeardNetwork[],
): Channel | undefined {
  const costs = channels.map((channel) => ({ channel, cost: occupation(channel, heard) }));
  return costs.reduce<(typeof costs)[number] | undefined>(
    (best, one) => (best === undefined || one.cost < best.cost ? one : best),
    undefined,
  )?.channel;
}

/** How much others are heard on a channel: the dB over the noise of each, by how much of its 20 MHz it covers. */
export function occupation({ frequencyMhz }: Channel, heard: readonly HeardNetwork[]): number {
  return heard.reduce((sum, network) => {
    const overlap = Math.max(0, 1 - Math.abs(network.frequencyMhz - frequencyMhz) / 20);
    return sum + overlap * Math.max(0, network.signalDbm - NOISE_DBM);
  }, 0);
}

/** The channels for an access point, the best first: those that leave each other alone, and are not to be avoided. */
export function accessChannels(
  radio: Radio,
  avoid: readonly number[],
): { channels: Channel[]; avoided: boolean } {
  const open = radio.channels.filter(mayOpen);
  const low = open.filter(({ band }) => band === "2.4GHz");
  const ranks = [
    low.filter(({ number }) => APART_24GHZ.includes(number)),
    low,
    open.filter(({ band }) => band === "5GHz"),
  ];
  for (const rank of ranks) {
    const channels = rank.filter(({ number }) => !avoid.includes(number));
    if (channels.length > 0) return { channels, avoided: false };
  }
  return { channels: ranks.find((rank) => rank.length > 0) ?? [], avoided: true };
}

/** The widest that a channel may be: all of it must be open to an access point. At 2.4 GHz always 20 MHz. */
export function widest(radio: Radio, channel: Channel, maxWidthMhz: 20 | 40 | 80): PlannedChannel {
  const widths = ([80, 40, 20] as const).filter((width) => width <= maxWidthMhz);
  for (const widthMhz of widths) {
    const planned = ofWidth(radio, channel, widthMhz);
    if (planned) return planned;
  }
  return narrow(channel);
}

export function narrow({ number, frequencyMhz, band }: Channel): PlannedChannel {
  return { number, frequencyMhz, band, widthMhz: 20, ht40: undefined, centerMhz: frequencyMhz };
}

function ofWidth(radio: Radio, channel: Channel, widthMhz: 20 | 40 | 80): PlannedChannel | undefined {
  if (widthMhz === 20) return narrow(channel);
  if (channel.band !== "5GHz" || !channel.widthsMhz.includes(widthMhz)) return undefined;
  const block = blockOf(channel.number, widthMhz) ?? [];
  const pair = blockOf(channel.number, 40) ?? [];
  const ht40 = pair[0] === channel.number ? "+" : "-";
  const open = (number: number) =>
    radio.channels.some((one) => one.band === channel.band && one.number === number && mayOpen(one));
  if (block.length === 0 || !block.every(open) || !channel.ht40.includes(ht40)) return undefined;
  const middle = block.reduce((sum, number) => sum + number, 0) / block.length;
  const { number, frequencyMhz, band } = channel;
  return { number, frequencyMhz, band, widthMhz, ht40, centerMhz: 5_000 + 5 * middle };
}

/** What a channel of this width may send with: the least that any part of it allows. */
export function powerOf(
  radio: Radio,
  { band, centerMhz, widthMhz }: PlannedChannel,
  limitDbm: number,
): number {
  const parts = radio.channels.filter(
    (one) =>
      one.band === band &&
      !one.disabled &&
      Math.abs(one.frequencyMhz - centerMhz) <= Math.max(0, widthMhz / 2 - 10),
  );
  const allowed = Math.min(...parts.map(({ maxPowerDbm }) => maxPowerDbm));
  return limitDbm > 0 ? Math.min(allowed, limitDbm) : allowed;
}
