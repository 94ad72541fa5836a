import type { Band, BandCapabilities, InterfaceCombination, InterfaceType } from "../radio-inventory.ts";
import { bandOf } from "./bands.ts";
import { htCapabilities, vhtCapabilities } from "./capabilities.ts";
import { linesOf } from "./inventory-error.ts";
import { interfaceType, parseCombinations } from "./iw-combinations.ts";

/** One channel as `iw phy` lists it. */
export interface ListedChannel {
  number: number;
  frequencyMhz: number;
  band: Band;
  /** 0 where the channel is disabled. */
  maxPowerDbm: number;
  disabled: boolean;
  noIr: boolean;
  dfs: boolean;
}

/** What `iw phy` says of one phy. */
export interface ListedPhy {
  phy: string;
  /** The phy's number, which stays when it is renamed. */
  index: number;
  types: readonly InterfaceType[];
  bands: readonly BandCapabilities[];
  channels: readonly ListedChannel[];
  combinations: readonly InterfaceCombination[];
  /** Commands of nl80211 that the driver has. */
  commands: readonly string[];
  sae: boolean;
  pmf: boolean;
  userspacePeering: boolean;
  maxStations: number | undefined;
}

const MAX_PHYS = 64;
const MAX_CHANNELS = 512;

/** Reads `iw phy` (or `iw list`) of iw 3.17 to 6.x. Lines that it does not know it leaves out. */
export function parseIwPhy(text: string): ListedPhy[] {
  const lines = linesOf("iw phy", text);
  const starts = lines.flatMap((line, index) => (/^Wiphy \S{1,32}$/.test(line) ? [index] : []));
  return starts
    .slice(0, MAX_PHYS)
    .map((start, n) =>
      parsePhy(lines[start]?.slice("Wiphy ".length) ?? "", lines.slice(start + 1, starts[n + 1])),
    );
}

function parsePhy(phy: string, lines: readonly string[]): ListedPhy {
  const bands = splitBands(lines).flatMap((band) => parseBand(band) ?? []);
  const stations = lines.map((line) => /^Maximum associated stations in AP mode: (\d{1,5})$/.exec(line)?.[1]);
  const combinations = lines.indexOf("valid interface combinations:");
  const index = lines
    .map((line) => /^wiphy index: (\d{1,4})$/.exec(line)?.[1])
    .find((found) => found !== undefined);
  return {
    phy,
    // Before iw 4.14 the number is told by the name alone.
    index: Number(index ?? /\d{1,4}$/.exec(phy)?.[0] ?? 0),
    types: listAfter(lines, "Supported interface modes:").flatMap((name) => interfaceType(name) ?? []),
    bands: bands.map(({ capabilities }) => capabilities),
    channels: bands.flatMap(({ channels }) => channels).slice(0, MAX_CHANNELS),
    combinations: combinations < 0 ? [] : parseCombinations(lines.slice(combinations + 1)),
    commands: listAfter(lines, "Supported commands:"),
    sae: lines.some((line) => line.startsWith("Device supports SAE with AUTHENTICATE command")),
    pmf: lines.includes("* CMAC (00-0f-ac:6)"),
    userspacePeering: lines.includes("Driver supports a userspace MPM"),
    maxStations: stations.map(Number).find((count) => count > 0),
  };
}

/** The entries, without their stars, of the list under a heading. */
function listAfter(lines: readonly string[], heading: string): string[] {
  const start = lines.indexOf(heading);
  if (start < 0) return [];
  const rest = lines.slice(start + 1);
  const end = rest.findIndex((line) => !line.startsWith("* "));
  return rest.slice(0, end < 0 ? rest.length : end).map((line) => line.slice(2).trim());
}

/** A band's lines go from its heading to the first heading that is not one of a band. */
function splitBands(lines: readonly string[]): string[][] {
  const bands: string[][] = [];
  let inBand = false;
  for (const line of lines) {
    if (/^Band \d+:$/.test(line)) {
      bands.push([]);
      inBand = true;
    } else if (line.startsWith("Supported commands:") || line.startsWith("Supported TX frame types:")) {
      inBand = false;
    } else if (inBand) bands.at(-1)?.push(line);
  }
  return bands;
}

function parseBand(
  lines: readonly string[],
): { capabilities: BandCapabilities; channels: ListedChannel[] } | undefined {
  const channels = lines.flatMap((line) => parseChannel(line) ?? []);
  const band = channels[0]?.band;
  if (band === undefined) return undefined;
  const ht = hex(lines, /^Capabilities: 0x([0-9a-f]{1,4})$/);
  const vht = hex(lines, /^VHT Capabilities \(0x([0-9a-f]{1,8})\):$/);
  const capabilities = {
    band,
    ht: ht !== undefined,
    vht: vht !== undefined,
    he: lines.some((line) => /^HE Iftypes: .*\bAP\b/.test(line)),
    htCapabilities: ht === undefined ? [] : htCapabilities(ht),
    vhtCapabilities: vht === undefined ? [] : vhtCapabilities(vht),
  };
  return { capabilities, channels };
}

function hex(lines: readonly string[], pattern: RegExp): number | undefined {
  const digits = lines.map((line) => pattern.exec(line)?.[1]).find((found) => found !== undefined);
  return digits === undefined ? undefined : Number.parseInt(digits, 16);
}

/** `* 5260.0 MHz [52] (20.0 dBm) (no IR, radar detection)`; before iw 4 "passive scanning" stood for "no IR". */
function parseChannel(line: string): ListedChannel | undefined {
  const [, mhz, number, dbm, rest = ""] =
    /^\* (\d{4})(?:\.\d)? MHz \[(\d{1,3})\](?: \((\d{1,2}(?:\.\d)?) dBm\))?(.{0,80})$/.exec(line) ?? [];
  const frequencyMhz = Number(mhz);
  const band = bandOf(frequencyMhz);
  if (number === undefined || band === undefined || Number(number) > 253) return undefined;
  return {
    number: Number(number),
    frequencyMhz,
    band,
    maxPowerDbm: Number(dbm ?? 0),
    disabled: dbm === undefined,
    noIr: /no IR|passive scan/.test(rest),
    dfs: rest.includes("radar detection"),
  };
}
