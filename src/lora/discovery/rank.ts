import { FIRMWARE_NAMES, type FirmwareName } from "../drivers.ts";
import type { LineInfo } from "../serial/index.ts";
import { usbAdapter } from "./usb-ids.ts";

/** A serial line with what speaks for a LoRa radio behind it. */
export interface Candidate {
  device: LineInfo;
  /** The higher, the sooner it is tried. */
  score: number;
  /** What to probe for: what its maker says it is, then the likeliest, and what might disturb something else last. */
  firmware: readonly FirmwareName[];
}

const SCORES = { board: 40, chip: 30, bridge: 20, line: 10 } as const;
const SAID_SCORE = 50;
const NAMED_SCORE = 100;

/** On a board's own pins there is a module if anything. */
const ON_PINS: readonly FirmwareName[] = ["rylr998", "e22", ...FIRMWARE_NAMES];

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
  /zigbee|conbee|raspbee|z-?wave|z-?stick|zwa-?\d|hubz|skyconnect|connect zbt|nabu casa|sonoff|slzb|smlight|cc25\d\d|cc26\d\d|thread radio|gps|gnss|u-?blox|modem|lte|quectel|sim\d{4}|arduino|printer|prusa|marlin|ups\b/i;

/** Bluetooth's own line on a Raspberry Pi, and mobile modems (`option1` is what usb-serial calls the driver `option`). */
const FOREIGN_DRIVERS = new Set(["hci_uart_bcm", "option", "option1", "qcserial", "sierra"]);

/**
 * Serial lines in the order in which to look for a radio. Opening a line resets what is behind some, and a probe may be
 * a command to it or go on the air: only what has an id of {@link USB_ADAPTERS} or a telling name is looked at, and
 * what an operator names.
 * @param named paths that an operator names. A line of which nothing but its path is known can only be one of those.
 * @returns those that may be a LoRa radio, the likeliest first, and among the equal by path
 */
export function rank(devices: readonly LineInfo[], named: ReadonlySet<string> = new Set()): Candidate[] {
  return devices
    .map((device) => candidate(device, named.has(device.path)))
    .filter(({ firmware }) => firmware.length > 0)
    .toSorted(
      (a, b) => b.score - a.score || a.device.path.localeCompare(b.device.path, "en", { numeric: true }),
    );
}

function candidate(device: LineInfo, isNamed: boolean): Candidate {
  const { vendorId, productId } = device;
  const words = [device.manufacturer, device.product, device.pnpId].filter(Boolean).join(" ");
  const said = NAMES.find(([pattern]) => pattern.test(words))?.[1];
  const known = vendorId && productId ? usbAdapter(vendorId, productId) : undefined;
  const isForeign = FOREIGN.test(words) || FOREIGN_DRIVERS.has(device.driver ?? "");
  const score =
    (isNamed ? NAMED_SCORE : 0) +
    (said ? SAID_SCORE : 0) +
    (known ? SCORES[known.kind] : vendorId ? 0 : SCORES.line);
  const usual = known?.firmware ?? (vendorId ? FIRMWARE_NAMES : ON_PINS);
  if (isNamed || isPathOnly(device))
    return { device, score, firmware: once([...(said ?? []), ...usual, ...FIRMWARE_NAMES]) };
  if (!said && (isForeign || !known)) return { device, score: 0, firmware: [] };
  // A module in transparent mode, an E22 or another's, sends the question for an E22 on the air.
  const unasked = usual.filter((firmware) => firmware !== "e22");
  return { device, score, firmware: once([...(said ?? []), ...unasked]) };
}

const isPathOnly = ({ vendorId, driver }: LineInfo): boolean =>
  vendorId === undefined && driver === undefined;

const once = <T>(items: readonly T[]): T[] => [...new Set(items)];
