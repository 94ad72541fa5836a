import { FIRMWARE_NAMES, type FirmwareName } from "../drivers.ts";
import type { LineInfo } from "../serial/index.ts";
import { usbAdapter } from "./usb-ids.ts";

/** A serial line with what speaks for a LoRa radio behind it. */
export interface Candidate {
  device: LineInfo;
  /** The higher, the sooner it is tried. */
  score: number;
  /** What to probe for, the likeliest first: all of them, or none where it is known to be something else. */
  firmware: readonly FirmwareName[];
}

const SCORES = { board: 40, chip: 30, bridge: 20, line: 10 } as const;
const NAMED_SCORE = 50;

/** Words in what a maker calls it that tell what runs on it. */
const NAMES: readonly (readonly [RegExp, readonly FirmwareName[]])[] = [
  [/meshtastic/i, ["meshtastic"]],
  [/meshcore/i, ["meshcore"]],
  [/rnode/i, ["rnode"]],
  [/rylr|reyax/i, ["rylr998"]],
  [/ebyte|\be22\b|\be220\b/i, ["e22"]],
  [
    /lora|wiscore|rak[ _-]?\d{4}|t-?beam|t-?echo|t-?deck|heltec|ht-n5262|t1000|wio.?tracker|tracker l1/i,
    ["meshtastic", "meshcore", "rnode"],
  ],
];

/** What has the same chips and is no LoRa radio: it is let alone, for a probe might disturb it. */
const FOREIGN =
  /zigbee|conbee|raspbee|z-?wave|zwa-?\d|skyconnect|connect zbt|thread radio|gps|gnss|u-?blox|modem|lte|quectel|sim\d{4}|arduino|printer|marlin|ups\b/i;

/** Bluetooth's own line on a Raspberry Pi and other lines of the board that no radio is on. */
const FOREIGN_DRIVERS = new Set(["hci_uart_bcm", "option", "qcserial", "sierra"]);

/**
 * Serial lines in the order in which to look for a radio. USB ids and the maker's words only rank them; what is behind a
 * line, a probe decides.
 * @returns those that may be a LoRa radio, the likeliest first, and among the equal by path
 */
export function rank(devices: readonly LineInfo[]): Candidate[] {
  return devices
    .map(candidate)
    .filter(({ firmware }) => firmware.length > 0)
    .toSorted(
      (a, b) => b.score - a.score || a.device.path.localeCompare(b.device.path, "en", { numeric: true }),
    );
}

function candidate(device: LineInfo): Candidate {
  const words = [device.manufacturer, device.product, device.pnpId].filter(Boolean).join(" ");
  const named = NAMES.find(([pattern]) => pattern.test(words))?.[1];
  if (!named && (FOREIGN.test(words) || FOREIGN_DRIVERS.has(device.driver ?? "")))
    return { device, score: 0, firmware: [] };
  const { vendorId, productId } = device;
  const known = vendorId && productId ? usbAdapter(vendorId, productId) : undefined;
  // On a board's own pins there is a module if anything; what nobody knows may be anything.
  const usual =
    known?.firmware ?? (vendorId ? FIRMWARE_NAMES : (["rylr998", "e22", ...FIRMWARE_NAMES] as const));
  const score = (named ? NAMED_SCORE : 0) + (known ? SCORES[known.kind] : vendorId ? 0 : SCORES.line);
  return { device, score, firmware: once([...(named ?? []), ...usual, ...FIRMWARE_NAMES]) };
}

const once = <T>(items: readonly T[]): T[] => [...new Set(items)];
