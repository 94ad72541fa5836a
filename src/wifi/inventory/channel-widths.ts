import type { BandCapabilities } from "../radio-inventory.ts";
import type { ChannelWidths } from "./iw-channels.ts";
import type { ListedChannel } from "./iw-phy.ts";

/** The lowest channels of each block of 80 MHz at 5 GHz (IEEE 802.11-2020, table E-4, operating class 128). */
const BLOCKS_80 = [36, 52, 100, 116, 132, 149, 165];
/** Of each block of 160 MHz (operating class 129). */
const BLOCKS_160 = [36, 100, 149];

/** The primary channels of 20 MHz that a block of a width consists of. A block of 20 MHz is the channel itself. */
export function blockOf(channel: number, widthMhz: 20 | 40 | 80 | 160): number[] | undefined {
  if (widthMhz === 20) return [channel];
  const count = widthMhz / 20;
  const lows = widthMhz === 40 ? pairs40() : widthMhz === 80 ? BLOCKS_80 : BLOCKS_160;
  const low = lows.find(
    (first) => channel >= first && channel < first + 4 * count && (channel - first) % 4 === 0,
  );
  return low === undefined ? undefined : Array.from({ length: count }, (_, n) => low + 4 * n);
}

/** Operating classes 116 and 117, 119 to 122, 126 and 127. */
function pairs40(): number[] {
  return BLOCKS_80.flatMap((low) => [low, low + 8]);
}

/**
 * Which widths a chip and a country leave a channel, for recordings without `iw phy … channels`: a block is there when
 * all its channels are. Wider than 20 MHz at 2.4 GHz there is the second channel above or below.
 */
export function derivedWidths(
  channel: ListedChannel,
  all: readonly ListedChannel[],
  { ht, vht, htCapabilities, vhtCapabilities }: BandCapabilities,
): ChannelWidths {
  const usable = (number: number) =>
    all.some((other) => other.band === channel.band && other.number === number && !other.disabled);
  if (channel.disabled) return { widthsMhz: [], ht40: [] };
  const has40 = ht && htCapabilities.includes("[HT40+]");
  if (channel.band === "2.4GHz") {
    const ht40 = (["+", "-"] as const).filter(
      (side) => has40 && channel.number <= 13 && usable(channel.number + (side === "+" ? 4 : -4)),
    );
    return { widthsMhz: ht40.length > 0 ? [20, 40] : [20], ht40 };
  }
  if (channel.band === "6GHz") return { widthsMhz: [20], ht40: [] };
  const whole = (widthMhz: 40 | 80 | 160) => blockOf(channel.number, widthMhz)?.every(usable) ?? false;
  const widthsMhz: (20 | 40 | 80 | 160)[] = [20];
  const ht40: ("+" | "-")[] = [];
  if (has40 && whole(40)) {
    widthsMhz.push(40);
    ht40.push(blockOf(channel.number, 40)?.[0] === channel.number ? "+" : "-");
  }
  if (vht && whole(80)) widthsMhz.push(80);
  if (vhtCapabilities.some((name) => name.startsWith("[VHT160")) && whole(160)) widthsMhz.push(160);
  return { widthsMhz, ht40 };
}
