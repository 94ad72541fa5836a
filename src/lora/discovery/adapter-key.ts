import type { LineInfo } from "../serial/index.ts";

/**
 * Serial numbers that every piece of a kind has: as the bridge chips leave the factory, or as a sketch sets them.
 * (CP2102 data sheet, section 8: `0001`; a CH340 has none.)
 */
const NO_SERIALS = /^(0*1?|0*123456789(abcdef|0)?|f+|serial|none|default|unknown)$/i;

/**
 * A name that an adapter has wherever it is found again: by its USB serial number at any port and under any `/dev` name;
 * without one of its own, by the USB port that it is plugged into; without USB, by its line.
 */
export function adapterKey(device: LineInfo): string {
  const { vendorId, productId, serialNumber, path } = device;
  if (!vendorId || !productId) return `line:${path}`;
  const interfaceOf = device.locationId?.split(":")[1];
  const which = interfaceOf === undefined || interfaceOf === "1.0" ? "" : `:${interfaceOf}`;
  if (serialNumber === undefined || NO_SERIALS.test(serialNumber)) return portKey(device);
  return `usb:${vendorId}:${productId}:${serialNumber}${which}`;
}

/**
 * Keys for all that is there. Where two have the same, because a maker numbers all alike, whoever has it keeps it, and
 * the other goes by its USB port.
 * @param held the key that each path has had so far
 */
export function adapterKeys(
  devices: readonly LineInfo[],
  held: ReadonlyMap<string, string> = new Map(),
): Map<string, string> {
  const keys = new Map<string, string>();
  const taken = new Set<string>();
  const take = (path: string, key: string) => {
    keys.set(path, key);
    taken.add(key);
  };
  for (const device of devices) {
    const key = held.get(device.path);
    if (key !== undefined && (key === adapterKey(device) || key === portKey(device))) take(device.path, key);
  }
  for (const device of devices) {
    if (keys.has(device.path)) continue;
    const key = adapterKey(device);
    take(device.path, taken.has(key) ? portKey(device) : key);
  }
  return keys;
}

const portKey = ({ vendorId, productId, locationId, path }: LineInfo): string =>
  `usb:${vendorId}:${productId}@${locationId ?? path}`;
