import type { LineInfo } from "../serial/index.ts";
import { deviceIdentity } from "./adapter-files.ts";

/** A line, and whether an operator has named it. */
export interface NamedLine {
  device: LineInfo;
  isNamed: boolean;
}

/**
 * Lines that are listed, and those that an operator names, each device once: a name may be one of the links that udev
 * makes (`/dev/serial/by-id/…`) to a line that is listed, and stands for that line then.
 */
export function withNamed(listed: readonly LineInfo[], namedPaths: readonly string[]): NamedLine[] {
  // Two names of one line are as good as one.
  const named = new Map(namedPaths.map((path) => [deviceIdentity(path) ?? path, path] as const).toReversed());
  const lines = listed.map((device): NamedLine => {
    if (named.size === 0) return { device, isNamed: false };
    return { device, isNamed: named.delete(deviceIdentity(device.path) ?? device.path) };
  });
  return [
    ...lines,
    ...[...named.values()].map((path) => ({ device: lineWithoutHardware(path), isNamed: true })),
  ];
}

/** A path of which nothing else is known. */
const lineWithoutHardware = (path: string): LineInfo => ({
  path,
  manufacturer: undefined,
  product: undefined,
  serialNumber: undefined,
  vendorId: undefined,
  productId: undefined,
  locationId: undefined,
  pnpId: undefined,
  driver: undefined,
  stablePaths: [],
});
