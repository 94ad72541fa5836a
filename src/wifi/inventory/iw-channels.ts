import { linesOf } from "./inventory-error.ts";

/** What `iw phy … channels` says of one channel and `iw phy` does not. */
export interface ChannelWidths {
  widthsMhz: readonly (20 | 40 | 80 | 160)[];
  ht40: readonly ("+" | "-")[];
}

/**
 * Reads `iw phy phy0 channels` of iw 4.14 or later: by frequency in MHz, the widths that the country and the chip allow.
 * Channels that are disabled are not among them.
 */
export function parseIwChannels(text: string): Map<number, ChannelWidths> {
  const widths = new Map<number, ChannelWidths>();
  let frequencyMhz: number | undefined;
  for (const line of linesOf("iw phy channels", text)) {
    const heading = /^\* (\d{4})(?:\.\d)? MHz \[\d{1,3}\]/.exec(line);
    if (heading) frequencyMhz = Number(heading[1]);
    const list = /^Channel widths:(.{0,80})$/.exec(line)?.[1]?.split(" ");
    if (list && frequencyMhz !== undefined) widths.set(frequencyMhz, widthsOf(list));
  }
  return widths;
}

function widthsOf(names: readonly string[]): ChannelWidths {
  const ht40 = (["+", "-"] as const).filter((side) => names.includes(`HT40${side}`));
  const widthsMhz: (20 | 40 | 80 | 160)[] = [];
  if (names.includes("20MHz")) widthsMhz.push(20);
  if (ht40.length > 0) widthsMhz.push(40);
  if (names.includes("VHT80")) widthsMhz.push(80);
  if (names.includes("VHT160")) widthsMhz.push(160);
  return { widthsMhz, ht40 };
}
